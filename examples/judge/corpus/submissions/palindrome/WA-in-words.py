import sys

for line in sys.stdin:
    letters = [c for c in line.lower() if c.isalpha()]
    print("Y" if letters == letters[::-1] else "N")
