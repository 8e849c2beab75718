# Answers comparisons, at most n - 1.
import sys


def say(code, comment):
    print(comment, file=sys.stderr)
    sys.exit(code)


def main():
    with open(sys.argv[1]) as file:
        n, *weights = map(int, file.read().split())
    print(n, flush=True)
    questions = 0
    for line in sys.stdin.buffer:
        words = line[:100].split()
        places = [int(word) for word in words[1:] if word.isdigit()]
        if not words or len(places) != len(words) - 1 or any(place < 1 or place > n for place in places):
            say(2, "A line is neither a question nor an answer.")
        if words[0] == b"?" and len(places) == 2:
            questions += 1
            if questions >= n:
                say(1, "Too many questions.")
            print(max(places, key=lambda place: weights[place - 1]), flush=True)
        elif words[0] == b"!" and len(places) == 1:
            is_right = weights[places[0] - 1] == max(weights)
            say(0 if is_right else 1, "The heaviest." if is_right else "It is not the heaviest.")
        else:
            say(2, "A line is neither a question nor an answer.")
    say(1, "There was no answer.")


try:
    main()
except Exception as error:
    say(3, repr(error))
