input()
print("which one is it?", flush=True)
input()
