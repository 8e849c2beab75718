import statistics

n, *x = map(float, open(0).read().split())
print(f"{statistics.fmean(x):.2f} {statistics.pstdev(x):.2f}")
