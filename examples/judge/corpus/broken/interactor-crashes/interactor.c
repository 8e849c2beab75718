#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  puts("5");
  fflush(stdout);
  abort();
}
