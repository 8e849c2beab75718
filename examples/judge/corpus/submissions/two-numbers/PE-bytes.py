# Bytes of all kinds, to see whether the checker can take them.
import sys

sys.stdout.buffer.write(bytes(range(256)) * 2000)
