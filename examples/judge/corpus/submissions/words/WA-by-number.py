from collections import Counter

for word, count in Counter(open(0).read().split()).most_common():
    print(word, count)
