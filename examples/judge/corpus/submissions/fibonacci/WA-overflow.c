// The product of two remainders does not fit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n, a = 0, b = 1;
  if (scanf("%d", &n) != 1) return 1;
  for (n = n > 1000 ? 1000 : n; n > 0; n--) {
    int sum = (int)((unsigned)a + (unsigned)b);
    a = b;
    b = sum;
  }
  printf("%d\n", a);
}
