# Leaves notes wherever it can write, and answers wrongly if it finds one: no test may see what another has left.
import os

notes = [os.path.join(directory, "note") for directory in ("/tmp", "/dev/shm", "/box", "/var/tmp", "/run", "/dev/mqueue")]
found = any(map(os.path.exists, notes))
for note in notes:
    try:
        with open(note, "w") as file:
            file.write("seen")
    except OSError:
        pass
a, b = map(int, input().split())
print("found a note" if found else a + b)
