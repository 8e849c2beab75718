// Tries each wall, and answers rightly only if all of them hold.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static int broken;

static void must_fail(const char *what, long result) {
  if (result < 0) return;
  printf("%s: %ld\n", what, result);
  broken = 1;
}

int main(void) {
  must_fail("becomes root", setuid(0));
  must_fail("changes its root", chroot("/tmp"));
  must_fail("makes a device", mknod("/tmp/disk", S_IFBLK | 0600, 8 << 8));
  must_fail("opens a file of the system to write", open("/usr/bin/env", O_WRONLY));
  must_fail("makes a file in the root", open("/note", O_WRONLY | O_CREAT, 0600));
  must_fail("makes a file beside its program", open("/box/note", O_WRONLY | O_CREAT, 0600));
  must_fail("opens its supervisor's program to write", open("/proc/1/exe", O_WRONLY));
  must_fail("opens its supervisor's memory", open("/proc/1/mem", O_RDWR));
  must_fail("opens a control group", open("/sys/fs/cgroup/cgroup.procs", O_WRONLY));
  must_fail("opens the kernel's settings", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  must_fail("opens the key of the machine", open("/proc/sysrq-trigger", O_WRONLY));
  must_fail("reads the passwords", open("/etc/shadow", O_RDONLY));
  must_fail("has a socket to the hypervisor", socket(AF_VSOCK, SOCK_STREAM, 0));
  must_fail("has a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
  must_fail("has a socket of the kernel's ciphers", socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0));
  must_fail("has a ring of system calls", syscall(SYS_io_uring_setup, 8, NULL));
  must_fail("raises its priority", setpriority(PRIO_PROCESS, 0, -10));
  must_fail("sets the clock", settimeofday(&(struct timeval){0}, NULL));
  struct rlimit more = {1 << 20, 1 << 20};
  must_fail("raises a hard limit", setrlimit(RLIMIT_NOFILE, &more));
  for (int fd = 3; fd < 64; fd++) must_fail("has a descriptor of somebody's", fcntl(fd, F_GETFD));

  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  if (!broken) printf("%lld\n", a + b);
}
