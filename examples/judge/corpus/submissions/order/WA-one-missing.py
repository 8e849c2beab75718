n, *_ = map(int, open(0).readline().split())
print(*range(1, n))
