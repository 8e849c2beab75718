#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long n, m, x = 1, count = 0;
  if (scanf("%ld %ld", &n, &m) != 2) return 1;
  char *seen = malloc(m);
  memset(seen, 0, m);
  for (long i = 0; i < n; i++) {
    count += !seen[x];
    seen[x] = 1;
    x = (x * x + i) % m;
  }
  printf("%ld\n", count);
}
