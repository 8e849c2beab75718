low, high = 1, 10**9
while True:
    guess = (low + high) // 2
    print(guess, flush=True)
    said = input()
    if said == "right":
        raise SystemExit(9)
    low, high = (low, guess - 1) if said == "less" else (guess + 1, high)
