// Takes back the limits that a process may take back.
#include <sys/resource.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &limit);
  setrlimit(RLIMIT_AS, &limit);
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "w");
  if (file) fputs("max", file);
  for (;;) {
  }
}
