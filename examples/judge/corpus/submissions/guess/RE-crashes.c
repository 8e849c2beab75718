// Crashes in the middle. The interactor would call that a missing guess.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  char said[16];
  puts("5");
  fflush(stdout);
  if (scanf("%15s", said) == 1) abort();
}
