# Takes a run of no numbers for one.
n, *numbers = map(int, open(0).read().split())
here = best = 0
for number in numbers:
    here = max(0, here + number)
    best = max(best, here)
print(best)
