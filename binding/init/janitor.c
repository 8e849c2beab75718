/* Janitor: removes what a killed Node process cannot.
 *
 * The same image as init, executed once per Node process, outside every sandbox, with a channel as descriptor 3. It is
 * told what to look after: packets of one letter and a path, "+path" to remember, "-path" to forget. At end of file
 * (Node is gone, cleanly or by SIGKILL) it removes what is still remembered: for a cgroup group directory it kills what
 * lives in its leaves (cgroup.kill, 5.14) and removes leaves and group; for any other directory, its whole content.
 * It is re-parented at once, so that it is nobody's child, and sits in a session of its own, so that Ctrl-C passes it.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/time.h>

#include "init.h"

#define PATHS_MAX 256
#define PATH_SIZE 1024
#define ATTEMPTS 1000 /* of 10 ms each: a dying process leaves its cgroup when it is reaped */

struct entry {
  uint64_t inode, offset;
  unsigned short size;
  unsigned char type;
  char name[];
};

static char paths[PATHS_MAX][PATH_SIZE];

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static void pause_10ms(void) {
  struct __kernel_timespec time = {0, 10000000};
  sys_call4(__NR_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, 0);
}

static void write_file(int directory, const char *name, const char *text) {
  long fd = sys_call4(__NR_openat, directory, name, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  sys_call3(__NR_write, fd, text, text_length(text));
  close_fd((int)fd);
}

/* Removes everything below a directory that can be removed; cgroup files cannot and vanish with their directory. */
static void empty_directory(int directory, int depth) {
  uint8_t buffer[2048] __attribute__((aligned(8))) = {0};
  long size;
  write_file(directory, "cgroup.kill", "1");
  while ((size = sys_call3(__NR_getdents64, directory, buffer, sizeof buffer)) > 0)
    for (long at = 0; at < size;) {
      struct entry *entry = (struct entry *)(buffer + at);
      at += entry->size;
      if (same(entry->name, ".") || same(entry->name, "..")) continue;
      if (entry->type != 4 /* DT_DIR */) {
        sys_call3(__NR_unlinkat, directory, entry->name, 0);
        continue;
      }
      long child = sys_call4(__NR_openat, directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
      if (child == -EACCES) { /* overlay's work directory has mode 0 */
        sys_call3(__NR_fchmodat, directory, entry->name, 0700);
        child = sys_call4(__NR_openat, directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
      }
      if (child >= 0 && depth < 64) empty_directory((int)child, depth + 1);
      close_fd((int)child);
      sys_call3(__NR_unlinkat, directory, entry->name, 0x200 /* AT_REMOVEDIR */);
    }
}

static int remove_directory(const char *path) {
  long directory = sys_call4(__NR_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (directory < 0) return 1;
  empty_directory((int)directory, 0);
  close_fd((int)directory);
  long result = sys_call3(__NR_unlinkat, AT_FDCWD, path, 0x200);
  return result >= 0 || result == -ENOENT;
}

static void remember(const char *path, int keep) {
  int slot = -1;
  for (int i = 0; i < PATHS_MAX; i++) {
    if (same(paths[i], path)) {
      if (!keep) paths[i][0] = 0;
      return;
    }
    if (slot < 0 && !paths[i][0]) slot = i;
  }
  if (keep && slot >= 0) text_append(paths[slot], paths[slot] + PATH_SIZE, path);
}

void janitor(void) {
  static char packet[PATH_SIZE + 1];
  sys_call5(__NR_prctl, PR_SET_NAME, "cofferdam-clean", 0, 0, 0);
  struct sys_clone_args fork = {.exit_signal = SIGCHLD};
  if (sys_call2(__NR_clone3, &fork, sizeof fork) != 0) sys_call1(__NR_exit_group, 0);
  sys_call0(__NR_setsid);
  sys_call1(__NR_chdir, "/");
  long size;
  while ((size = sys_call3(__NR_read, CHANNEL, packet, sizeof packet - 1)) > 0 || size == -EINTR) {
    if (size <= 1) continue;
    packet[size] = 0;
    remember(packet + 1, packet[0] == '+');
  }
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    int left = 0;
    for (int i = 0; i < PATHS_MAX; i++) {
      if (!paths[i][0]) continue;
      if (remove_directory(paths[i]))
        paths[i][0] = 0;
      else
        left = 1;
    }
    if (!left) break;
    pause_10ms();
  }
  for (;;) sys_call1(__NR_exit_group, 0);
}
