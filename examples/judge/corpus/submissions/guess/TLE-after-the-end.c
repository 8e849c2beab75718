// Guesses, and then does not end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long low = 1, high = 1000000000;
  char said[16];
  for (;;) {
    long guess = (low + high) / 2;
    printf("%ld\n", guess);
    fflush(stdout);
    if (scanf("%15s", said) != 1) return 1;
    if (said[0] == 'r') for (;;) {
      }
    if (said[0] == 'l') high = guess - 1;
    else low = guess + 1;
  }
}
