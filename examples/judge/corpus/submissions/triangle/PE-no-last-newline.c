// The last line has no end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n;
  if (scanf("%d", &n) != 1) return 1;
  for (int i = 1; i <= n; i++) {
    for (int k = 0; k < n - i; k++) putchar(' ');
    for (int k = 0; k < 2 * i - 1; k++) putchar('*');
    if (i < n) putchar('\n');
  }
}
