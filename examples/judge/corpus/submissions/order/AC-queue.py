n, m, *rest = map(int, open(0).read().split())
after = [[] for _ in range(n + 1)]
waits_for = [0] * (n + 1)
for a, b in zip(rest[::2], rest[1::2]):
    after[a].append(b)
    waits_for[b] += 1
order = [task for task in range(1, n + 1) if waits_for[task] == 0]
for task in order:
    for following in after[task]:
        waits_for[following] -= 1
        if waits_for[following] == 0:
            order.append(following)
print(*order)
