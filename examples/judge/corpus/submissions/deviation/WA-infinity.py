print("Infinity 1e999")
