// Traces its parent.
#include <sys/ptrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
  puts("not reached");
}
