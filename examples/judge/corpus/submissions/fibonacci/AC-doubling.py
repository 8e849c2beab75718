def pair(n, m):
    if n == 0:
        return 0, 1
    a, b = pair(n // 2, m)
    c, d = a * (2 * b - a) % m, (a * a + b * b) % m
    return (d, (c + d) % m) if n % 2 else (c, d)


print(pair(int(input()), 10**9 + 7)[0])
