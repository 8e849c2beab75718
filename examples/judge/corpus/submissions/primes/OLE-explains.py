# Right, but says too much about each number on stderr.
import sys

n = int(input())
for i in range(2, n + 1):
    divisor = next((d for d in range(2, int(i**0.5) + 1) if i % d == 0), i)
    if divisor == i:
        print(i)
    print(f"{i} is {divisor} times {i // divisor}", file=sys.stderr)
