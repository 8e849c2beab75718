// Keeps its data in System V segments.
#include <sys/ipc.h>
#include <sys/shm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  for (int i = 0; i < 128; i++) {
    int id = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600);
    char *block = id < 0 ? NULL : shmat(id, NULL, 0);
    if (block && block != (void *)-1) {
      memset(block, 1, 1 << 20);
      shmdt(block);
    }
  }
}
