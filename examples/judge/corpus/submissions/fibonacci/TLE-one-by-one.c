#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  unsigned long n, a = 0, b = 1;
  if (scanf("%lu", &n) != 1) return 1;
  for (; n > 0; n--) {
    unsigned long sum = (a + b) % 1000000007;
    a = b;
    b = sum;
  }
  printf("%lu\n", a);
}
