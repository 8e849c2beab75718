n, *_ = map(int, open(0).readline().split())
print(*range(n, 0, -1))
