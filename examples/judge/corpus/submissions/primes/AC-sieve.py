n = int(input())
sieve = bytearray([1]) * (n + 1)
for i in range(2, int(n**0.5) + 1):
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(sieve[i * i :: i]))
print(*(i for i in range(2, n + 1) if sieve[i]), sep="\n")
