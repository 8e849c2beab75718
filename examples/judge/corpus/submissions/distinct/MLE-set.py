n, m = map(int, input().split())
x, seen = 1, set()
for i in range(n):
    seen.add(x)
    x = (x * x + i) % m
print(len(seen))
