// Keeps its data in files without a name.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  static char block[1 << 20];
  memset(block, 1, sizeof block);
  for (int i = 0; i < 256; i++) {
    int fd = i < 50 ? memfd_create("x", 0) : 3 + i % 50;
    for (int k = 0; k < 2; k++)
      if (pwrite(fd, block, 512 << 10, (long)(i / 50 % 2) << 19) < 0) return 7;
    void *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mapped != MAP_FAILED) memset(mapped, 1, 1 << 20);
  }
}
