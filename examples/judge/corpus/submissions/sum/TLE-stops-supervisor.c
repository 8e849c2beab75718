// Stops and kills everybody it can, and goes on.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  kill(1, SIGSTOP);
  kill(1, SIGKILL);
  kill(getppid(), SIGSTOP);
  kill(-1, SIGSTOP);
  for (;;) {
  }
}
