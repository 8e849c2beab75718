// Expected verdict: compile error
//
// The compiler runs in a sandbox as well: it parses what a stranger wrote.
#include <stdio.h>

int main(void) {
  printf("%ld\n", largest_sum(numbers));
}
