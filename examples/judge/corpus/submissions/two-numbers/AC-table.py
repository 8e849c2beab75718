n, s, *x = map(int, open(0).read().split())
places = {}
for place, value in enumerate(x, 1):
    if s - value in places:
        print(places[s - value], place)
        break
    places[value] = place
else:
    print(-1)
