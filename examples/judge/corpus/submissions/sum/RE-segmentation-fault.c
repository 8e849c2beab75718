// Writes where nothing is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  *(volatile int *)8 = 1;
}
