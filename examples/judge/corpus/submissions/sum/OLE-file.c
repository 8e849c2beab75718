// Writes a file larger than files may be.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  FILE *file = fopen("/tmp/large", "w");
  for (int i = 0; i < 4 << 20; i++) fputc('x', file);
  fclose(file);
  printf("%lld\n", a + b);
}
