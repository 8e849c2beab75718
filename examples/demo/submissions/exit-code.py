# Expected verdict: runtime error (exit code)
#
# Takes the whole input for numbers on one line, and ends in a traceback and exit code 1.
_, line = input(), input()
first, second, *rest = map(int, line.split())
print(max(first, second, first + second, *rest))
