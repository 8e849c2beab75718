// Expected verdict: wrong answer
//
// The usual mistake: 0 is not the sum of any run when all numbers are negative.
#include <stdio.h>

int main(void) {
  int n, number;
  if (scanf("%d", &n) != 1) return 1;
  long ending_here = 0, best = 0;
  while (n-- > 0 && scanf("%d", &number) == 1) {
    ending_here = ending_here + number > 0 ? ending_here + number : 0;
    if (ending_here > best) best = ending_here;
  }
  printf("%ld\n", best);
  return 0;
}
