#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n, value;
  long here = 0, best = -1000000;
  if (scanf("%d", &n) != 1) return 1;
  while (n-- > 0) {
    if (scanf("%d", &value) != 1) return 1;
    here = (here > 0 ? here : 0) + value;
    if (here > best) best = here;
  }
  printf("%ld\n", best);
}
