n = int(input())
wins = [0] * (n + 1)
for a in range(1, n + 1):
    for b in range(1, a):
        print("?", a, b, flush=True)
        wins[int(input())] += 1
print("!", wins.index(max(wins)))
