#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n;
  if (scanf("%d", &n) != 1) return 1;
  puts("2");
  for (int i = 3; i <= n; i += 2) printf("%d\n", i);
}
