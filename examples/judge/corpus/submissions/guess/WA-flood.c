// Does not wait for the answers, and does not mind that nobody listens any more.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  for (;;) puts("no number");
}
