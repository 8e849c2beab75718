print("the first and the last")
