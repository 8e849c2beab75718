// Uses no CPU time at all, and never ends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  for (;;) sleep(1000);
}
