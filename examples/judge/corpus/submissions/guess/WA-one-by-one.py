guess = 500
while True:
    print(guess, flush=True)
    said = input()
    if said == "right":
        break
    guess += -1 if said == "less" else 1
