// Expected verdict: accepted
//
// Kadane's algorithm: the best run that ends here either continues the one before or starts anew.
#include <stdio.h>

int main(void) {
  int n, number;
  if (scanf("%d", &n) != 1) return 1;
  long ending_here = 0, best = 0;
  for (int i = 0; i < n; i++) {
    if (scanf("%d", &number) != 1) return 1;
    ending_here = i > 0 && ending_here > 0 ? ending_here + number : number;
    if (i == 0 || ending_here > best) best = ending_here;
  }
  printf("%ld\n", best);
  return 0;
}
