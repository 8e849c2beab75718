// Asks the kernel by the numbers of a third architecture, which a careless filter takes for unknown ones.
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
#if defined(__x86_64__)
  printf("%ld\n", syscall(0x40000000 + SYS_getpid));
#else
  abort();
#endif
}
