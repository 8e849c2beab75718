// Expected verdict: forbidden system call
//
// Tries to trace the process that started it, to read the answers out of its memory. The call is not even made: the
// program is ended for it, and the result names it.
#include <stdio.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(void) {
  long result = ptrace(PTRACE_ATTACH, getppid(), 0, 0);
  printf("ptrace: %ld\n", result);
  return 0;
}
