// Asks for a tool of kernel exploits.
#include <sys/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  syscall(SYS_userfaultfd, 0);
  puts("not reached");
}
