// The stack is memory, too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int deeper(volatile int *above) {
  volatile int here[64];
  for (int i = 0; i < 64; i++) here[i] = above[0] + i;
  return deeper(here) + here[5];
}

int main(void) {
  volatile int start = 1;
  printf("%d\n", deeper(&start));
}
