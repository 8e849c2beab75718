/* Mounts: how the new root is put together and entered.
 *
 * A tmpfs, the *stage*, is mounted over the old root ("/" as a path still leads to the old one). In it are the kit (k),
 * the layers (l0, l1...) and below them a base (b), overlay's upper and work (u, w), what masks are made of (m), and
 * the new root (r). The kit is where /proc, /dev and the like are mounted while there is no root yet: they need nothing
 * of the host, so a waiting init has them ready, and BOOT_PLACE moves them. The base has their mount points, so that
 * none has to be made in the caller's upper. Overlay is mounted with names relative to the stage, so neither odd
 * characters nor the length of the host's paths matter. Everything below the new root is resolved as paths.c says.
 * Last, pivot_root moves into the new root, and the old one with the stage is detached; the mounts that still use its
 * pieces keep them alive.
 */
#include "mounts.h"

#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "init.h"

#define MNT_DETACH 2
#define ST_RDONLY 1 /* of f_flags: statfs(2) */
#define PATH_SIZE 4096
#define OVERLAY_LAYERS_MAX 500 /* OVL_MAX_STACK; with so many there is no room for the base */

int stage = -1;
int new_root = -1;
static int kit = -1;      /* k */
static int stage_on_root; /* it lies over "/", not over a directory in it */
int scratch_count;
static int layer_count;
static const char *upper_name; /* of a persistent upper, below stage/p; 0: stage/u */
static const char *work_name;
static char text[PATH_SIZE];

long mount_set_attributes(int mount, uint64_t attrs, int recursive) {
  struct mount_attr attr = {.attr_set = attrs};
  return sys_call5(__NR_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr);
}

long mount_move_onto(int mount, int target) {
  return sys_call5(__NR_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* A detached mount of the source: the lent one, or a copy that we open ourselves. */
static long open_source(const struct source *source) {
  if (source->tree != WIRE_NO_TREE) {
    int fd = -1;
    lent_take(ROLE_TREE, source->tree, &fd);
    return fd < 0 ? -ENOENT : fd;
  }
  int recursive = (source->tree_flags & WIRE_TREE_RECURSIVE) != 0;
  long fd = sys_call3(__NR_open_tree, AT_FDCWD, source->path,
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
  if (fd < 0 || !source->attrs) return fd;
  long set = mount_set_attributes((int)fd, source->attrs, recursive);
  if (set < 0) {
    close_fd((int)fd);
    return set;
  }
  return fd;
}

/* mount(2) onto a target inside the new root, by way of the working directory. */
static long mount_here(const char *target, const char *type, unsigned long flags, const char *options) {
  masks_forget_proc();
  long fd = path_open_target(target, 1);
  if (fd < 0) return fd;
  long result = sys_call1(__NR_fchdir, fd);
  close_fd((int)fd);
  return result < 0 ? result : sys_call5(__NR_mount, type, ".", type, flags, options);
}

static char *tmpfs_options(char *options, char *end, uint64_t size, uint32_t inodes, uint32_t mode) {
  char *at = text_append_number(text_append(options, end, "size="), end, size, 10);
  at = text_append_number(text_append(at, end, ",nr_inodes="), end, inodes, 10);
  text_append_number(text_append(at, end, ",mode="), end, mode, 8);
  return options;
}

long mount_private(void) {
  return sys_call5(__NR_mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0);
}

/* Mounts over a directory can be detached together with the old root that they lie on; over "/" itself, after. */
long mount_stage(uint64_t size, uint32_t inodes, const char *at) {
  char options[96];
  tmpfs_options(options, options + sizeof options, size, inodes, 0755);
  long result = sys_call5(__NR_mount, "tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, options);
  if (result == -ENOENT || result == -ENOTDIR) {
    at = "/";
    result = sys_call5(__NR_mount, "tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, options);
  }
  if (result < 0) return result;
  stage_on_root = at[1] == 0;
  /* ".." of the root is followed into what is mounted over it; "/" is not. */
  stage = (int)sys_call4(__NR_openat, AT_FDCWD, stage_on_root ? "/.." : at, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (stage < 0) return stage;
  static const char names[][7] = {"u", "w", "r", "m", "k", "b", "b/proc", "b/dev", "b/tmp"};
  for (unsigned i = 0; i < sizeof names / sizeof *names && result >= 0; i++)
    result = sys_call3(__NR_mkdirat, stage, names[i], 0755);
  if (result >= 0)
    kit = new_root = (int)(result = sys_call4(__NR_openat, stage, "k", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  return result;
}

/* As open_source, for what must be a directory: move_mount would answer EINVAL for anything else. */
static long open_source_directory(const struct source *source) {
  long tree = open_source(source);
  long directory = tree < 0 ? tree : path_is_directory((int)tree);
  if (directory > 0) return tree;
  close_fd((int)tree);
  return directory < 0 ? directory : -ENOTDIR;
}

long mount_layer(const struct source *source) {
  char name[8] = "l";
  text_append_number(name + 1, name + sizeof name, (uint64_t)layer_count, 10);
  long result = sys_call3(__NR_mkdirat, stage, name, 0755);
  if (result < 0) return result;
  long target = sys_call4(__NR_openat, stage, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  long tree = target < 0 ? target : open_source_directory(source);
  result = tree < 0 ? tree : mount_move_onto((int)tree, (int)target);
  close_fd((int)tree);
  close_fd((int)target);
  if (result >= 0) layer_count++;
  return result;
}

long mount_upper(const struct source *source, const char *upper, const char *work) {
  long result = sys_call3(__NR_mkdirat, stage, "p", 0755);
  if (result < 0) return result;
  long target = sys_call4(__NR_openat, stage, "p", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  long tree = target < 0 ? target : open_source(source);
  result = tree < 0 ? tree : mount_move_onto((int)tree, (int)target);
  close_fd((int)tree);
  close_fd((int)target);
  upper_name = upper;
  work_name = work;
  return result;
}

/* Overlay takes these characters of a directory's name only behind a backslash (fs/overlayfs/params.c). */
static char *append_escaped(char *at, char *end, const char *name) {
  for (; *name; name++) {
    char character[2] = {*name, 0};
    if (*name == '\\' || *name == ',' || *name == ':') at = text_append(at, end, "\\");
    at = text_append(at, end, character);
  }
  return at;
}

/* The option string must fit a page (mount(2)): about a thousand layers. */
static long mount_overlay(void) {
  char *end = text + sizeof text;
  char *at = text_append(text, end, "lowerdir=");
  for (int layer = layer_count; layer-- > 0;) {
    at = text_append_number(text_append(at, end, "l"), end, (uint64_t)layer, 10);
    if (layer) at = text_append(at, end, ":");
  }
  if (layer_count < OVERLAY_LAYERS_MAX) at = text_append(at, end, ":b");
  at = text_append(at, end, ",upperdir=");
  at = upper_name ? append_escaped(text_append(at, end, "p/"), end, upper_name) : text_append(at, end, "u");
  at = text_append(at, end, ",workdir=");
  at = work_name ? append_escaped(text_append(at, end, "p/"), end, work_name) : text_append(at, end, "w");
  at = text_append(at, end, ",userxattr"); /* 5.11: the only kind a user namespace may have */
  return at == end ? -E2BIG : sys_call5(__NR_mount, "overlay", "r", "overlay", MS_NOSUID | MS_NODEV, text);
}

/* Where overlay cannot make its work directory it says so to nobody, and is read-only (fs/overlayfs/super.c). */
static long check_writable(int root) {
  struct statfs st = {0};
  long result = sys_call2(__NR_fstatfs, root, &st);
  if (result < 0) return result;
  return st.f_flags & ST_RDONLY ? -EROFS : 0;
}

long mount_root(uint32_t kind, const struct source *source, uint32_t *step) {
  long result = sys_call1(__NR_fchdir, stage);
  if (result < 0) return result;
  if (kind == WIRE_ROOT_OVERLAY) {
    result = mount_overlay();
  } else {
    uint32_t after = *step;
    if (kind == WIRE_ROOT_TREE) *step = STEP_LAYER;
    long tree = kind == WIRE_ROOT_TREE ? open_source_directory(source)
                                       : sys_call3(__NR_open_tree, stage, "r", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree >= 0) *step = after;
    long target = tree < 0 ? tree : sys_call4(__NR_openat, stage, "r", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    result = target < 0 ? target : mount_move_onto((int)tree, (int)target);
    close_fd((int)target);
    close_fd((int)tree);
  }
  if (result < 0) return result;
  new_root = (int)sys_call4(__NR_openat, stage, "r", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  return new_root >= 0 && kind == WIRE_ROOT_OVERLAY ? check_writable(new_root) : new_root;
}

long mount_proc(const char *target) {
  long result = mount_here(target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
  if (result >= 0) masks_remember_proc(target);
  return result;
}

long mount_tmpfs(const char *target, uint64_t size, uint32_t inodes, uint32_t mode, uint32_t attrs) {
  char options[96];
  /* MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC have the values of the MS_ flags of those names. */
  return mount_here(target, "tmpfs", attrs & 15u, tmpfs_options(options, options + sizeof options, size, inodes, mode));
}

/* A directory of the stage is a tenth of the price of a tmpfs of its own. */
long mount_scratch(const char *target, uint32_t mode, uint32_t attrs) {
  masks_forget_proc();
  char name[8] = "s";
  text_append_number(name + 1, name + sizeof name, (uint64_t)scratch_count++, 10);
  long result = sys_call3(__NR_mkdirat, stage, name, mode);
  if (result < 0) return result;
  long mount = sys_call3(__NR_open_tree, stage, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  result = mount < 0 ? mount : mount_set_attributes((int)mount, attrs, 0);
  long fd = result < 0 ? result : path_open_target(target, 1);
  result = fd < 0 ? fd : mount_move_onto((int)mount, (int)fd);
  close_fd((int)fd);
  close_fd((int)mount);
  return result;
}

long mount_devpts(const char *target, const char *options) {
  return mount_here(target, "devpts", MS_NOSUID | MS_NOEXEC, options);
}

long mount_mqueue(const char *target) {
  return mount_here(target, "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
}

long mount_bind(const struct source *source, const char *target, uint32_t *step) {
  masks_forget_proc();
  *step = STEP_BIND_SOURCE;
  long tree = open_source(source);
  if (tree < 0) return tree;
  *step = STEP_BIND;
  long directory = path_is_directory((int)tree);
  long fd = directory < 0 ? directory : path_open_target(target, (int)directory);
  long result = fd < 0 ? fd : path_is_directory((int)fd);
  if (result >= 0)
    result = result == directory ? mount_move_onto((int)tree, (int)fd) : -ENOTDIR; /* move_mount: EINVAL */
  close_fd((int)fd);
  close_fd((int)tree);
  return result;
}

/* A mount of the kit, with those below it; what is not mounted there stays a plain directory. */
long mount_place(const char *target) {
  masks_forget_proc();
  long from = sys_call4(__NR_openat, kit, target + 1, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  long fd = from < 0 ? from : path_open_target(target, 1);
  long result = fd < 0 ? fd : mount_move_onto((int)from, (int)fd);
  close_fd((int)fd);
  close_fd((int)from);
  return result;
}

long mount_seal(void) {
  return mount_set_attributes(new_root, MOUNT_ATTR_RDONLY, 0);
}

static void finish(void) {
  masks_finish();
  close_fd(new_root);
  close_fd(kit);
  close_fd(stage);
  new_root = kit = stage = -1;
}

/* pivot_root(".", ".") stacks the old root on the new one, where "." then leads to it: no directory for it is needed
 * in the new root (pivot_root(2), NOTES). A stage that lies over the old root has to be detached before it. pivot_root
 * answers EINVAL when the old root is an initramfs, which cannot be moved: then switch_root puts the new root over the
 * old one and enters it with chroot. */
long mount_switch(uint32_t kind) {
  long result = sys_call1(__NR_fchdir, new_root);
  if (result < 0) return result;
  if (kind == WIRE_SWITCH_ROOT) {
    result = sys_call5(__NR_move_mount, new_root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    if (result >= 0) result = sys_call1(__NR_chroot, ".");
  } else {
    result = sys_call2(__NR_pivot_root, ".", ".");
    if (result >= 0 && stage_on_root) result = sys_call2(__NR_umount2, ".", MNT_DETACH);
    if (result >= 0) result = sys_call2(__NR_umount2, ".", MNT_DETACH);
  }
  if (result >= 0) result = sys_call1(__NR_chdir, "/");
  if (result >= 0) finish();
  return result;
}
