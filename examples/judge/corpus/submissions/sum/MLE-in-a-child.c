// A child is killed for its memory; that the parent then answers rightly does not help.
#include <sys/wait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  if (fork() == 0)
    for (;;) memset(malloc(1 << 20), 1, 1 << 20);
  wait(NULL);
  printf("%lld\n", a + b);
}
