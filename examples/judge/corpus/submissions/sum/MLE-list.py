# A list that doubles.
numbers = [1]
while True:
    numbers += numbers
