// Floods stderr, which counts as well.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  for (int i = 0; i < 1 << 20; i++) fputs("debug\n", stderr);
  printf("%lld\n", a + b);
}
