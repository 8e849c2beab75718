// Wants more descriptors than it may have.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  for (int i = 0; i < 1000; i++)
    if (dup(0) < 0) return 1;
}
