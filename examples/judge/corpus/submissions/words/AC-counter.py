from collections import Counter

for word, count in sorted(Counter(open(0).read().split()).items()):
    print(word, count)
