import sys

here, best = 0, -(10**6)
for line in sys.stdin.buffer.read().split()[1:]:
    here = max(here, 0) + int(line)
    best = max(best, here)
print(best)
