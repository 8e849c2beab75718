# Wants more processes than it may have, and does not get over it.
import os
import time

for _ in range(1000):
    if os.fork() == 0:
        time.sleep(100)
