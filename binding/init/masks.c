/* Masks: what must not be seen or written, covered where it is. Most of it is in /proc, whose names need no resolving
 * when we have just mounted it.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "init.h"
#include "mounts.h"

static int masks = -1; /* m, a read-only mount of a part of the stage: f is an empty file, d an empty directory */
static int proc = -1;  /* the root of a /proc that we have just mounted */

void masks_forget_proc(void) {
  close_fd(proc);
  proc = -1;
}

void masks_remember_proc(const char *target) {
  static const char usual[] = "/proc";
  for (unsigned i = 0; i < sizeof usual; i++)
    if (target[i] != usual[i]) return;
  proc = (int)path_open(target, O_PATH | O_DIRECTORY);
}

void masks_finish(void) {
  masks_forget_proc();
  close_fd(masks);
  masks = -1;
}

/* The name of an entry of the fresh /proc, and its type; 0 for any other path, which has to be resolved. */
static const char *proc_entry(const char *path, long *type) {
  static const char prefix[] = "/proc/";
  struct statx st = {0};
  for (unsigned i = 0; prefix[i]; i++)
    if (path[i] != prefix[i]) return 0;
  const char *name = path + sizeof prefix - 1;
  for (const char *at = name; *at; at++)
    if (*at == '/') return 0;
  if (proc < 0 || !*name) return 0;
  long result = sys_call5(__NR_statx, proc, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st);
  *type = result < 0 ? result : st.stx_mode & S_IFMT;
  return *type == S_IFLNK ? 0 : name;
}

/* What masks are copies of: an empty file and an empty directory behind a mount that is read-only already. */
static long prepare_masks(void) {
  long mount = sys_call3(__NR_open_tree, stage, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (mount < 0) return mount;
  long result = sys_call3(__NR_mkdirat, mount, "d", 0555);
  if (result >= 0) result = sys_call4(__NR_openat, mount, "f", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
  if (result >= 0) {
    close_fd((int)result);
    result = mount_set_attributes((int)mount,
                                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0);
  }
  /* Attached, because a detached mount cannot be copied before 6.15. */
  long target = result < 0 ? result : sys_call4(__NR_openat, stage, "m", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  result = target < 0 ? target : mount_move_onto((int)mount, (int)target);
  close_fd((int)target);
  if (result < 0)
    close_fd((int)mount);
  else
    masks = (int)mount;
  return result;
}

static long move_mask(long directory, int target, const char *name) {
  long mount = masks < 0 ? prepare_masks() : 0;
  if (mount >= 0) mount = sys_call3(__NR_open_tree, masks, directory ? "d" : "f", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  long result = mount;
  if (mount >= 0)
    result = sys_call5(__NR_move_mount, mount, "", target, name,
                       MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH));
  close_fd((int)mount);
  return result;
}

long mount_mask(const char *path) {
  long type = 0;
  const char *name = proc_entry(path, &type);
  if (name) return type < 0 ? type : move_mask(type == S_IFDIR, proc, name);
  long target = path_open(path, O_PATH);
  if (target < 0) return target;
  long directory = path_is_directory((int)target);
  long result = directory < 0 ? directory : move_mask(directory, (int)target, "");
  close_fd((int)target);
  return result;
}

/* The path, or the name below an open directory, is put over itself. */
static long cover_readonly(int at, const char *name) {
  const int empty = *name ? 0 : AT_EMPTY_PATH;
  long mount = sys_call3(__NR_open_tree, at, name, empty | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  long result = mount;
  if (result >= 0) result = mount_set_attributes((int)mount, MOUNT_ATTR_RDONLY, 1);
  if (result >= 0)
    result = sys_call5(__NR_move_mount, mount, "", at, name,
                       MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH));
  close_fd((int)mount);
  return result;
}

long mount_readonly(const char *path) {
  long type = 0;
  const char *name = proc_entry(path, &type);
  if (name) return type < 0 ? type : cover_readonly(proc, name);
  long target = path_open(path, O_PATH);
  if (target < 0) return target;
  long result = cover_readonly((int)target, "");
  close_fd((int)target);
  return result;
}
