// Expected verdict: process limit
//
// Every process forks until the kernel refuses, and so does each of its children.
#include <unistd.h>

int main(void) {
  while (fork() >= 0) continue;
  return 1;
}
