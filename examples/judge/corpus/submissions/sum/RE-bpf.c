// Loads a program into the kernel.
#include <sys/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  syscall(SYS_bpf, 5, NULL, 0);
  puts("not reached");
}
