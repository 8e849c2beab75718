# Asks nothing, waits for nothing, and reads what never comes after it has closed its side.
import os

n = int(input())
raise ValueError(n)
