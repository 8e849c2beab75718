/* Using more than is allowed, each in the way in which it might not be counted. */
#include "attack.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char block[65536];

/* Writes so many bytes; how far it came, in case of an error. */
static uint64_t pour(int fd, uint64_t bytes) {
  memset(block, 'x', sizeof block);
  for (uint64_t done = 0; done < bytes;) {
    uint64_t left = bytes - done;
    ssize_t size = write(fd, block, left < sizeof block ? left : sizeof block);
    if (size == -1) return done;
    done += (uint64_t)size;
  }
  return bytes;
}

/* `output <descriptor> <bytes>`; what it has won it can say only where there is still room: on stderr. */
static void output(int argc, char **argv) {
  (void)argc;
  uint64_t bytes = number(argv[2]);
  if (pour((int)number(argv[1]), bytes) < bytes) broken("write");
  puts("");
  won("all of it was written");
}

/* `fill <path> <bytes>` */
static void fill(int argc, char **argv) {
  (void)argc;
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd == -1) {
    lost("open");
    return;
  }
  if (pour(fd, number(argv[2])) < number(argv[2]))
    lost("write");
  else
    won("all of it was written");
}

/* `sparse <path> <bytes>`: a file as long as that, of nothing. */
static void sparse(int argc, char **argv) {
  (void)argc;
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd == -1)
    lost("open");
  else
    tried("ftruncate", ftruncate(fd, (off_t)number(argv[2])));
}

/* `inodes <directory> <n>`: empty files. */
static void inodes(int argc, char **argv) {
  (void)argc;
  char path[4096];
  for (uint64_t i = number(argv[2]); i > 0; i--) {
    snprintf(path, sizeof path, "%s/%llu", argv[1], (unsigned long long)i);
    if (mknod(path, S_IFREG | 0644, 0) == -1) {
      lost("mknod");
      return;
    }
  }
  won("there was an inode for each");
}

static void memory_memfd(int argc, char **argv) {
  (void)argc;
  int fd = memfd_create("attack", MFD_CLOEXEC);
  if (fd == -1) broken("memfd_create");
  if (pour(fd, number(argv[1])) < number(argv[1])) broken("write");
  won("it holds that much");
}

static void memory_segment(int argc, char **argv) {
  (void)argc;
  size_t bytes = number(argv[1]);
  int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id == -1) broken("shmget");
  char *memory = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  if (memory == (void *)-1) broken("shmat");
  memset(memory, 1, bytes);
  won("it holds that much");
}

/* Pipes of 64 KiB each, which nobody reads. */
static void memory_pipes(int argc, char **argv) {
  (void)argc;
  for (uint64_t held = 0; held < number(argv[1]); held += sizeof block) {
    int ends[2];
    if (pipe(ends) == -1) {
      lost("pipe");
      return;
    }
    fcntl(ends[1], F_SETPIPE_SZ, sizeof block);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pour(ends[1], sizeof block);
  }
  won("it holds that much");
}

static void memory_child(int argc, char **argv) {
  (void)argc;
  size_t bytes = number(argv[1]);
  pid_t child = fork();
  if (child == -1) broken("fork");
  if (child == 0) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    memset(memory, 1, bytes);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    lost_with("child", "killed");
  else if (status == 0)
    won("it held that much");
}

static void *spin_thread(void *milliseconds) {
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
  struct timespec used;
  do clock_gettime(clock, &used);
  while ((uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000 < *(uint64_t *)milliseconds);
  return NULL;
}

/* `spin-children <n> <milliseconds each>`: all at the same time, each below the limit. */
static void spin_children(int argc, char **argv) {
  (void)argc;
  uint64_t milliseconds = number(argv[2]);
  for (uint64_t left = number(argv[1]); left > 0; left--) {
    pid_t child = fork();
    if (child == -1) broken("fork");
    if (child > 0) continue;
    spin_thread(&milliseconds);
    _exit(0);
  }
  while (wait(NULL) > 0) continue;
  won("it has used all that time");
}

static void spin_threads(int argc, char **argv) {
  (void)argc;
  uint64_t milliseconds = number(argv[2]);
  pthread_t threads[64];
  int count = (int)number(argv[1]);
  if (count > 64) count = 64;
  for (int i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, spin_thread, &milliseconds)) broken("pthread_create");
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  won("it has used all that time");
}

/* `leave <path> symlink|fifo|device|directory|link|sparse|growing [argument]`: where outputs are collected. */
static long leave_it(const char *path, const char *kind, const char *argument) {
  if (!strcmp(kind, "symlink")) return symlink(argument, path);
  if (!strcmp(kind, "fifo")) return mkfifo(path, 0666);
  if (!strcmp(kind, "device")) return mknod(path, S_IFCHR | 0666, (dev_t)(1 << 8 | 5));
  if (!strcmp(kind, "directory")) return mkdir(path, 0777);
  if (!strcmp(kind, "link")) return link(argument, path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd == -1 || !strcmp(kind, "file")) return fd == -1 ? -1 : write(fd, argument, strlen(argument));
  return ftruncate(fd, (off_t)number(argument));
}

static void leave(int argc, char **argv) {
  tried(argv[2], leave_it(argv[1], argv[2], argc > 3 ? argv[3] : ""));
}

/* `grow <path> <bytes>`: as fast as it can. */
static void grow(int argc, char **argv) {
  (void)argc;
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd == -1) {
    lost("open");
    return;
  }
  pour(fd, 4096);
  puts("growing");
  fflush(stdout);
  pour(fd, number(argv[2]));
  sleep_seconds(60);
}

const struct attack usage_attacks[] = {
    {"output", 2, output},
    {"fill", 2, fill},
    {"sparse", 2, sparse},
    {"inodes", 2, inodes},
    {"memory-memfd", 1, memory_memfd},
    {"memory-segment", 1, memory_segment},
    {"memory-pipes", 1, memory_pipes},
    {"memory-child", 1, memory_child},
    {"spin-children", 2, spin_children},
    {"spin-threads", 2, spin_threads},
    {"leave", 2, leave},
    {"grow", 2, grow},
    {NULL, 0, NULL},
};
