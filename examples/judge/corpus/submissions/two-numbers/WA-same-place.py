# Takes one number twice.
n, s, *x = map(int, open(0).read().split())
place = next((i for i, v in enumerate(x, 1) if 2 * v == s), 1)
print(place, place)
