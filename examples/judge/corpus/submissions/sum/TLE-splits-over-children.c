// Each process stays below the limit; all of them together do not.
#include <sys/wait.h>
#include <time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  for (int child = 0; child < 8; child++)
    if (fork() == 0) {
      while (clock() < CLOCKS_PER_SEC / 2) {
      }
      _exit(0);
    }
  while (wait(NULL) > 0) {
  }
  printf("%lld\n", a + b);
}
