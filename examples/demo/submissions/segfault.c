// Expected verdict: runtime error (signal)
//
// One stack frame of a kilobyte per number: right for the small tests, SIGSEGV on the large one.
#include <stdio.h>
#include <string.h>

static long best_of_rest(int left, long ending_here) {
  char line[1024];
  if (left == 0 || !fgets(line, sizeof line, stdin)) return ending_here;
  int number = 0;
  sscanf(line, "%d", &number);
  long here = ending_here > 0 ? ending_here + number : number;
  long rest = best_of_rest(left - 1, here);
  return line[0] && rest > ending_here ? rest : ending_here;
}

int main(void) {
  char line[64];
  int n, number;
  if (!fgets(line, sizeof line, stdin) || sscanf(line, "%d", &n) != 1) return 1;
  if (!fgets(line, sizeof line, stdin) || sscanf(line, "%d", &number) != 1) return 1;
  printf("%ld\n", best_of_rest(n - 1, number));
  return 0;
}
