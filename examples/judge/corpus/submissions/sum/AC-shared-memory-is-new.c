// System V shared memory outlives its process, and must not outlive the test.
#include <sys/ipc.h>
#include <sys/shm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  int id = shmget(4711, 4096, IPC_CREAT | IPC_EXCL | 0600);
  if (id < 0) {
    puts("somebody was here");
    return 0;
  }
  printf("%lld\n", a + b);
}
