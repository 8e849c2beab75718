#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long n, m, x = 1, count = 0;
  if (scanf("%ld %ld", &n, &m) != 2) return 1;
  unsigned char *seen = calloc(m / 8 + 1, 1);
  for (long i = 0; i < n; i++) {
    if (!(seen[x / 8] >> x % 8 & 1)) count++;
    seen[x / 8] |= 1 << x % 8;
    x = (x * x + i) % m;
  }
  printf("%ld\n", count);
}
