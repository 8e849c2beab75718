/* init: PID 1 of a sandbox. Freestanding, static, a few pages; embedded in the addon and executed from a sealed memfd.
 *
 * Theory of operation. The addon's child executes this program inside the new namespaces with the channel as
 * descriptor 3 and nothing else of use. init then
 *   1. closes what it inherited, makes itself undumpable, blocks signals (here);
 *   2. waits for a request and carries out its boot section, step by step (boot.c, mounts.c);
 *   3. starts the command of its exec section (exec.c): a vfork-like clone3 into the command's own cgroup leaf, then
 *      credentials, limits, execve;
 *   4. supervises (supervise.c): reaps, watches wall and CPU clocks with its own timers, obeys KILL, reports EXITED.
 * A failed step is reported as {phase, step, index, errno} and ends init: nothing untrusted has run by then.
 * End of file on the channel means that Node is gone; init's exit makes the kernel kill the whole pid namespace.
 *
 * There is no heap and no buffering: every buffer is static, and a page never touched costs nothing.
 * With "janitor" as argv[0] the same image cleans up after a Node process that was killed (janitor.c).
 */
#include "init.h"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/time.h>

struct lent lent;
int pid_namespace = 1;
int bounding_set_empty;
int box_ruleset = -1;

/* The compiler may call these for structure copies even in freestanding code. */
void *memset(void *to, int byte, size_t size) {
  unsigned char *at = to;
  while (size--) *at++ = (unsigned char)byte;
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *at = to;
  const unsigned char *source = from;
  while (size--) *at++ = *source++;
  return to;
}

uint64_t now_ns(void) {
  struct __kernel_timespec now = {0};
  sys_call2(__NR_clock_gettime, CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t text_length(const char *text) {
  size_t size = 0;
  while (text[size]) size++;
  return size;
}

uint64_t text_number(const char *text) {
  uint64_t number = 0;
  while (*text >= '0' && *text <= '9') number = number * 10 + (uint64_t)(*text++ - '0');
  return number;
}

/* Appends and terminates; returns the new end, or `end` itself once something did not fit. */
char *text_append(char *at, char *end, const char *text) {
  while (*text && at < end) *at++ = *text++;
  if (at < end) *at = 0;
  return at;
}

char *text_append_number(char *at, char *end, uint64_t number, unsigned base) {
  char digits[24];
  char *digit = digits + sizeof digits;
  *--digit = 0;
  do *--digit = (char)('0' + number % base);
  while (number /= base);
  return text_append(at, end, digit);
}

void close_fd(int fd) {
  if (fd >= 0) sys_call1(__NR_close, fd);
}

/* After boot init needs few, and once its last command runs only CAP_KILL. */
long keep_capabilities(uint64_t kept) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};
  long result = sys_call2(__NR_capget, &header, sets);
  if (result < 0) return result;
  for (int half = 0; half < 2; half++) {
    sets[half].effective = sets[half].permitted &= (uint32_t)(kept >> (32 * half));
    sets[half].inheritable = 0; /* and with them the ambient ones */
  }
  result = sys_call2(__NR_capset, &header, sets);
  be_undumpable();
  return result;
}

/* A change of credentials sets it to fs.suid_dumpable (proc_sys_fs(5)), also one in a process that borrows our memory.
 */
long be_undumpable(void) {
  return sys_call5(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int lent_find(uint32_t role, uint32_t number) {
  for (int i = 0; i < lent.count; i++)
    if (lent.roles[i] == (role << 16 | number)) return lent.fds[i];
  return -1;
}

void lent_take(uint32_t role, uint32_t number, int *fd) {
  for (int i = 0; i < lent.count; i++)
    if (lent.roles[i] == (role << 16 | number)) {
      *fd = lent.fds[i];
      lent.fds[i] = -1;
      return;
    }
}

/* They come with numbers in a row: one call for each row, for whoever reads a pipe that ends by it is woken at once,
 * and on a busy processor runs before the next call. */
void lent_close(void) {
  for (int i = 0, next; i < lent.count; i = next) {
    next = i + 1;
    if (lent.fds[i] < 0) continue;
    while (next < lent.count && lent.fds[next] == lent.fds[i] + (next - i)) next++;
    if (sys_call3(__NR_close_range, lent.fds[i], lent.fds[next - 1], 0) >= 0) continue;
    for (int fd = lent.fds[i]; fd <= lent.fds[next - 1]; fd++) close_fd(fd); /* before 5.9 */
  }
  lent.count = 0;
}

/* All signals stay blocked in init: it reads SIGCHLD from a signalfd. Their dispositions were reset before execve. */
static void block_signals(void) {
  unsigned long all = ~0ul;
  sys_call4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
}

/* Descriptors 0-2 become further names of the channel, so that no received descriptor can land there and be overwritten
 * when the command's own 0-2 are put in place. */
static long close_inherited(void) {
  long result = 0;
  for (int fd = 0; fd < 3 && result >= 0; fd++) result = sys_call3(__NR_dup3, CHANNEL, fd, O_CLOEXEC);
  if (result >= 0) result = sys_call3(__NR_fcntl, CHANNEL, F_SETFD, FD_CLOEXEC);
  if (result >= 0) result = sys_call3(__NR_close_range, CHANNEL + 1, ~0u, 0);
  /* Before 5.9, and under older filters. The addon's child has closed all but what execve closes. */
  return result == -ENOSYS || result == -EPERM ? 0 : result;
}

__attribute__((noreturn, used)) static void init_main(const long *stack) {
  const char *name = stack[0] > 0 ? (const char *)stack[1] : "";
  long result = be_undumpable();
  if (result >= 0) result = close_inherited();
  block_signals();
  sys_call1(__NR_umask, 0);
  if (name[0] == 'j') janitor();
  sys_call5(__NR_prctl, PR_SET_NAME, "cofferdam-init", 0, 0, 0);
  sys_call2(__NR_setpgid, 0,
            0); /* out of reach of the terminal's signals; a session would cost more, and bring nothing */
  supervise(result);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall init_main\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tbl init_main\n");
#endif
