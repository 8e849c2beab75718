# A prompt is output, too.
a, b = map(int, input("Two numbers, please: ").split())
print(a + b)
