# Expected verdict: accepted
#
# A run's sum is the difference of two prefix sums, so the best one starts at the lowest prefix so far.
import sys
from itertools import accumulate

numbers = map(int, sys.stdin.read().split()[1:])
lowest = 0
best = None
for prefix in accumulate(numbers):
    best = prefix - lowest if best is None else max(best, prefix - lowest)
    lowest = min(lowest, prefix)
print(best)
