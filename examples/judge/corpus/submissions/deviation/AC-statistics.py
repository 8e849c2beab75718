import math

n, *x = map(float, open(0).read().split())
mean = math.fsum(x) / len(x)
print(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in x) / len(x)))
