# Compares as neither less nor more than any answer.
print("nan nan")
