import sys

for line in sys.stdin:
    letters = [c for c in line if c.isalpha()]
    print("YES" if letters == letters[::-1] else "NO")
