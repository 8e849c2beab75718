held = [1]
while True:
    held += held
