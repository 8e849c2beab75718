# The interpreter has a limit of its own.
import sys

n, *parents = map(int, open(0).read().split())


def depth(node):
    return 1 if node == 1 else depth(parents[node - 2]) + 1


print(max(map(depth, range(1, n + 1))))
