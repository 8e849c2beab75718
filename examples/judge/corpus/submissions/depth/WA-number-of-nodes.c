#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n;
  if (scanf("%d", &n) != 1) return 1;
  printf("%d\n", n);
}
