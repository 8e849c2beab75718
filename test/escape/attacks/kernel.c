/* Interfaces of the kernel that attacks on it begin with, and those that know no namespace. */
#include "attack.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const struct {
  const char *name;
  int flag;
} namespaces[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID}};

/* `unshare`, and the same by clone(2) and clone3(2). */
static void nested_unshare(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t i = sizeof namespaces / sizeof *namespaces; i-- > 0;) tried("unshare", unshare(namespaces[i].flag));
}

static void leave_child(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
}

static void nested_clone(int argc, char **argv) {
  (void)argc, (void)argv;
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  leave_child(pid);
  tried("clone", pid);
}

static void nested_clone3(int argc, char **argv) {
  (void)argc, (void)argv;
  uint64_t args[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
  long pid = syscall(SYS_clone3, args, sizeof args);
  leave_child(pid);
  tried("clone3", pid);
}

static void enter_namespace(int argc, char **argv) {
  (void)argc, (void)argv;
  int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
  if (fd == -1) broken("/proc/self/ns/user");
  int result = setns(fd, 0);
  /* Its own is what it may not enter again: the kernel has got that far. */
  if (result == -1 && errno == EINVAL) won("setns");
  tried("setns", result);
}

static void io_uring(int argc, char **argv) {
  (void)argc, (void)argv;
  char parameters[120];
  memset(parameters, 0, sizeof parameters);
  tried("io_uring_setup", syscall(SYS_io_uring_setup, 4, parameters));
}

static void bpf(int argc, char **argv) {
  (void)argc, (void)argv;
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  tried("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static void faults(int argc, char **argv) {
  (void)argc, (void)argv;
  tried("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

static void i386(int argc, char **argv) {
  (void)argc, (void)argv;
#ifdef __x86_64__
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  if (result > 0) won("getpid of i386");
  errno = -result;
#else
  errno = ENOSYS;
#endif
  lost("int 0x80");
}

static void x32(int argc, char **argv) {
  (void)argc, (void)argv;
  tried("getpid of x32", syscall(0x40000000 + 39));
}

static void module(int argc, char **argv) {
  (void)argc, (void)argv;
  long result = syscall(SYS_init_module, "", 0ul, "");
  /* No module is an answer that only somebody gets who may load one. */
  if (result == -1 && errno == ENOEXEC) won("init_module");
  tried("init_module", result);
}

/* Sockets of families that know no namespace, or configure the host. */
static void odd_sockets(int argc, char **argv) {
  (void)argc, (void)argv;
  static const int kinds[][3] = {{40, SOCK_STREAM, 0},    /* AF_VSOCK */
                                 {38, SOCK_SEQPACKET, 0}, /* AF_ALG */
                                 {30, SOCK_SEQPACKET, 0}, /* AF_TIPC */
                                 {16, SOCK_RAW, 15}};     /* AF_NETLINK, NETLINK_KOBJECT_UEVENT */
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    tried("socket", socket(kinds[i][0], kinds[i][1], kinds[i][2]));
}

/* CVE-2017-5226, CVE-2019-10063. `type-into-terminal <request>`: takes the terminal on stdin over and types into it,
 * with the request's number as it is given. */
static void type_into_terminal(int argc, char **argv) {
  (void)argc;
  static const char typed[] = "x\n";
  ioctl(0, TIOCSCTTY, 0);
  for (const char *at = typed; *at; at++)
    if (syscall(SYS_ioctl, 0, (unsigned long)number(argv[1]), at) == -1) {
      lost("ioctl");
      return;
    }
  char read_back[2] = "";
  if (read(0, read_back, sizeof read_back) == 2 && !memcmp(read_back, typed, 2)) won("it has typed");
  lost_with("read", "nothing was typed");
}

/* For the host: a terminal, until stdin ends. Its name is printed. */
static void terminal(int argc, char **argv) {
  (void)argc, (void)argv;
  int primary = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (primary == -1 || grantpt(primary) == -1 || unlockpt(primary) == -1) broken("posix_openpt");
  puts(ptsname(primary));
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) continue;
}

const struct attack kernel_attacks[] = {
    {"nested-unshare", 0, nested_unshare},
    {"nested-clone", 0, nested_clone},
    {"nested-clone3", 0, nested_clone3},
    {"enter-namespace", 0, enter_namespace},
    {"io-uring", 0, io_uring},
    {"bpf", 0, bpf},
    {"userfaultfd", 0, faults},
    {"i386", 0, i386},
    {"x32", 0, x32},
    {"module", 0, module},
    {"odd-sockets", 0, odd_sockets},
    {"type-into-terminal", 1, type_into_terminal},
    {"terminal", 0, terminal},
    {NULL, 0, NULL},
};
