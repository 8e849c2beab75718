#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  static char composite[1000001];
  int n;
  if (scanf("%d", &n) != 1) return 1;
  for (int i = 2; i <= n; i++) {
    if (composite[i]) continue;
    printf("%d\n", i);
    for (long k = (long)i * i; k <= n; k += i) composite[k] = 1;
  }
}
