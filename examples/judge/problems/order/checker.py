# Accepts any order that respects every pair.
import sys


def say(code, comment):
    print(comment, file=sys.stderr)
    sys.exit(code)


def main():
    with open(sys.argv[1]) as file:
        n, m, *rest = map(int, file.read().split())
    with open(sys.argv[2], "rb") as file:
        words = file.read().split()
    if len(words) != n:
        say(1, f"There are {len(words)} words, and should be {n}.")
    try:
        order = [int(word) for word in words]
    except ValueError:
        say(2, "A word is not an integer.")
    place = {task: i for i, task in enumerate(order)}
    if sorted(order) != list(range(1, n + 1)):
        say(1, "Not every task is there exactly once.")
    for before, after in zip(rest[::2], rest[1::2]):
        if place[before] > place[after]:
            say(1, f"{before} has to come before {after}.")
    say(0, "A right order.")


try:
    main()
except Exception as error:  # Python's own exit code for it would be 1: wrong answer.
    say(3, repr(error))
