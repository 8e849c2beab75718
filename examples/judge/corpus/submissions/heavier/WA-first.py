input()
print("!", 1)
