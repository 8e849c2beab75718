n = int(input())
best = 1
for other in range(2, n + 1):
    print("?", best, other, flush=True)
    best = int(input())
print("!", best)
