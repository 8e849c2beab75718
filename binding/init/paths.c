/* Paths inside the new root: finding, and making what is missing.
 *
 * A rootfs is untrusted, and any component of a path may be a symbolic link that leads out of it: everything is
 * resolved with openat2(RESOLVE_IN_ROOT, 5.6), and what is then done is done to the descriptor.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "init.h"
#include "mounts.h"

#define PATH_SIZE 4096

static char text[PATH_SIZE];

long path_open(const char *path, uint64_t flags) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return sys_call4(__NR_openat2, new_root, path, &how, sizeof how);
}

/* Opens the directory that holds the last component of an absolute target, making it and its parents where they are
 * missing; *name is that component. */
static long open_parent(const char *target, const char **name) {
  size_t cut = text_length(target);
  while (cut > 0 && target[cut - 1] != '/') cut--;
  *name = target + cut;
  if (cut >= PATH_SIZE) return -ENAMETOOLONG;
  if (cut <= 1) return sys_call3(__NR_fcntl, new_root, F_DUPFD_CLOEXEC, 0); /* the root itself: nothing to resolve */
  memcpy(text, target, cut);
  text[cut] = 0;
  long fd = path_open(text, O_PATH | O_DIRECTORY);
  if (fd != -ENOENT) return fd;

  long parent = path_open("/", O_PATH | O_DIRECTORY);
  for (size_t from = 1; from < cut && parent >= 0;) {
    size_t to = from;
    while (target[to] != '/') to++;
    memcpy(text, target + from, to - from);
    text[to - from] = 0;
    long made = sys_call3(__NR_mkdirat, parent, text, 0755);
    close_fd((int)parent);
    if (made < 0 && made != -EEXIST) return made;
    memcpy(text, target, to);
    text[to] = 0;
    parent = path_open(text, O_PATH | O_DIRECTORY);
    from = to + 1;
  }
  return parent;
}

static long make_target(int parent, const char *name, int directory) {
  if (directory) return sys_call3(__NR_mkdirat, parent, name, 0755);
  long fd = sys_call4(__NR_openat, parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  close_fd((int)fd);
  return fd < 0 ? fd : 0;
}

/* Opens a mount target, made as an empty file or directory where it is missing. */
long path_open_target(const char *target, int directory) {
  long fd = path_open(target, O_PATH);
  if (fd != -ENOENT) return fd;
  const char *name;
  long parent = open_parent(target, &name);
  if (parent < 0) return parent;
  long made = make_target((int)parent, name, directory);
  close_fd((int)parent);
  return made < 0 ? made : path_open(target, O_PATH);
}

long path_is_directory(int fd) {
  struct statx st = {0};
  long result = sys_call5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
  return result < 0 ? result : (st.stx_mode & S_IFMT) == S_IFDIR;
}

long make_directory(const char *target, uint32_t mode) {
  long fd = path_open(target, O_PATH | O_DIRECTORY);
  if (fd == -ENOENT) {
    const char *name;
    long parent = open_parent(target, &name);
    if (parent < 0) return parent;
    fd = sys_call3(__NR_mkdirat, parent, name, mode);
    close_fd((int)parent);
    return fd;
  }
  close_fd((int)fd);
  return fd < 0 ? fd : 0;
}

long make_file(const char *target, uint32_t mode, const uint8_t *content, uint32_t size) {
  const char *name;
  long parent = open_parent(target, &name);
  if (parent < 0) return parent;
  const int flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  long fd = sys_call4(__NR_openat, parent, name, flags, mode);
  if (fd == -EEXIST) { /* replaced, never written through: it may be a link */
    sys_call3(__NR_unlinkat, parent, name, 0);
    fd = sys_call4(__NR_openat, parent, name, flags, mode);
  }
  close_fd((int)parent);
  if (fd < 0) return fd;
  long result = 0;
  while (size && result >= 0) {
    result = sys_call3(__NR_write, fd, content, size);
    if (result > 0) content += result, size -= (uint32_t)result;
  }
  if (result >= 0 && mode & 06000) result = sys_call2(__NR_fchmod, fd, mode); /* writing has taken these bits away */
  close_fd((int)fd);
  return result < 0 ? result : 0;
}

long make_symlink(const char *target, const char *path) {
  const char *name;
  long parent = open_parent(path, &name);
  if (parent < 0) return parent;
  long result = sys_call3(__NR_symlinkat, target, parent, name);
  if (result == -EEXIST && sys_call3(__NR_unlinkat, parent, name, 0) >= 0)
    result = sys_call3(__NR_symlinkat, target, parent, name);
  close_fd((int)parent);
  return result;
}
