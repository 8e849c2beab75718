# Both wait for each other. (input() would flush.)
import sys

sys.stdout.write("500000000\n")
sys.stdin.readline()
