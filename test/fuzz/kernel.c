/* What init calls, without doing it: descriptors are numbers, everything exists, packets come from the fuzzer's input.
 * Strings are read to their end and buffers are written to, so that AddressSanitizer sees what a kernel would have
 * seen. A process that init makes runs in its memory, as it does with CLONE_VM, and is over when it executes something.
 */
#include "kernel.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "../../binding/init/wire.h"

struct sys_clone_args;
long fuzz_call(long number, long a, long b, long c, long d, long e, long f);
long fuzz_clone3(struct sys_clone_args *args, int (*function)(void *), void *argument);

#define CALLS_MAX 20000 /* more is a loop without an end */
#define PAGE_SIZE 4096
#define FDS_MAX 253 /* SCM_MAX_FD of unix(7) */
#define HIGHEST_CAPABILITY 40

extern uint8_t __start_init_bss[], __stop_init_bss[], __start_init_data[], __stop_init_data[];

volatile size_t kernel_sink;
static uint8_t *initial_data;
static jmp_buf at_exit, at_execve;
static int in_child;
static long next_fd, next_pid, live;
static uint32_t random_state;
static uint8_t failing;
static unsigned made;
static uint64_t now;
static const uint8_t *input, *input_end;
static uint8_t *mapping;
static size_t mapping_size;

/* The zones between variables are written, too, and have no meaning. Whole pages of what is zero are given back to the
 * kernel, which has more of them: most have never been touched. */
__attribute__((no_sanitize("address", "undefined", "coverage"), no_builtin)) static void restore(void) {
  const size_t size = (size_t)(__stop_init_data - __start_init_data);
  if (!initial_data) {
    initial_data = malloc(size + 1);
    if (!initial_data) abort();
    for (size_t i = 0; i < size; i++) initial_data[i] = __start_init_data[i];
  }
  for (size_t i = 0; i < size; i++) __start_init_data[i] = initial_data[i];
  uint8_t *first = (uint8_t *)(((uintptr_t)__start_init_bss + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1));
  uint8_t *last = (uint8_t *)((uintptr_t)__stop_init_bss & ~(uintptr_t)(PAGE_SIZE - 1));
  if (first >= last || madvise(first, (size_t)(last - first), MADV_DONTNEED) < 0) abort();
  for (uint8_t *at = __start_init_bss; at < first; at++) *at = 0;
  for (uint8_t *at = last; at < __stop_init_bss; at++) *at = 0;
}

static uint32_t draw(void) {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 16;
}

void kernel_start(uint8_t chance, uint8_t seed) {
  restore();
  next_fd = 100;
  next_pid = 2;
  live = 0;
  made = 0;
  in_child = 0;
  now = 1;
  failing = chance;
  random_state = seed;
}

void kernel_end(void) {
  free(mapping);
  mapping = NULL;
}

void kernel_run(void (*program)(void), const uint8_t *packets, size_t size) {
  input = packets;
  input_end = packets + size;
  if (setjmp(at_exit) == 0) program();
}

static void read_strings(const char *const *list) {
  for (; list && *list; list++) kernel_sink += strlen(*list);
}

static uint32_t take_u32(void) {
  uint32_t value = 0;
  if (input_end - input < 4) return 0;
  memcpy(&value, input, 4);
  input += 4;
  return value;
}

/* As many descriptors come with a packet as its header says, one more for a body in a memfd. */
static void give_descriptors(struct msghdr *message, const struct wire_header *header) {
  size_t count = header->fd_count + (header->kind == WIRE_REQUEST && header->a & WIRE_MAPPED);
  if (count > FDS_MAX) count = FDS_MAX;
  if (count == 0 || message->msg_controllen < CMSG_SPACE(0)) {
    message->msg_controllen = 0;
    return;
  }
  const size_t room = (message->msg_controllen - CMSG_LEN(0)) / sizeof(int);
  if (count > room) count = room;
  struct cmsghdr *head = message->msg_control;
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(count * sizeof(int));
  int *fds = (int *)CMSG_DATA(head);
  for (size_t i = 0; i < count; i++) fds[i] = (int)next_fd++;
  message->msg_controllen = head->cmsg_len;
}

/* A packet whose header says that its body is in a memfd has that body here, and is cut off after the header. */
static long receive(struct msghdr *message) {
  size_t size = take_u32() & 0xffffff;
  if (size > (size_t)(input_end - input)) size = (size_t)(input_end - input);
  const uint8_t *packet = input;
  input += size;
  struct wire_header header = {0};
  memcpy(&header, packet, size < sizeof header ? size : sizeof header);
  if (size >= sizeof header && header.a & WIRE_MAPPED) {
    free(mapping);
    mapping_size = size - sizeof header;
    mapping = malloc(mapping_size + 1);
    memcpy(mapping, packet + sizeof header, mapping_size);
    uint8_t *exact = realloc(mapping, mapping_size ? mapping_size : 1);
    mapping = exact ? exact : mapping;
    size = sizeof header;
  }
  if (size > message->msg_iov->iov_len) size = message->msg_iov->iov_len;
  memcpy(message->msg_iov->iov_base, packet, size);
  give_descriptors(message, &header);
  return (long)size;
}

static long poll_all(struct pollfd *polled, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) polled[i].revents = draw() % 3 ? POLLIN : 0;
  if (count > 1) polled[0].revents = POLLIN; /* or the input would never end */
  return (long)count;
}

static long stat_of(struct statx *st) {
  memset(st, 0, sizeof *st);
  st->stx_mode = draw() % 2 ? S_IFDIR | 0755 : S_IFREG | 0644;
  st->stx_size = mapping ? mapping_size : 0;
  return 0;
}

static long wait_for(int *status, void *usage) {
  if (live <= 0) return -ECHILD;
  if (status) *status = (int)(draw() << 8);
  if (usage) memset(usage, 0, 144);
  live--;
  return next_pid - 1;
}

static long with_buffer(void *buffer, size_t size) {
  static const char text[] = "usage_usec 123456\nuser_usec 1\n";
  if (size > sizeof text - 1) size = sizeof text - 1;
  memcpy(buffer, text, size);
  return (long)size;
}

/* Calls that only take one or two strings. */
static void read_paths(long number, long a, long b, long c, long d) {
  switch (number) {
  case __NR_chdir:
  case __NR_chroot: kernel_sink += strlen((const char *)a); return;
  case __NR_pivot_root: kernel_sink += strlen((const char *)a) + strlen((const char *)b); return;
  case __NR_openat:
  case __NR_openat2:
  case __NR_mkdirat:
  case __NR_unlinkat:
  case __NR_open_tree: kernel_sink += strlen((const char *)b); return;
  case __NR_symlinkat: kernel_sink += strlen((const char *)a) + strlen((const char *)c); return;
  case __NR_move_mount: kernel_sink += strlen((const char *)b) + strlen((const char *)d); return;
  case __NR_mount:
    for (int i = 0; i < 3; i++) {
      const char *text = (const char *)(long[]){a, b, c}[i];
      if (text) kernel_sink += strlen(text);
    }
    return;
  case __NR_sethostname:
  case __NR_write:
    for (long i = 0; i < (number == __NR_write ? c : b); i++)
      kernel_sink += ((const uint8_t *)(number == __NR_write ? b : a))[i];
    return;
  default: return;
  }
}

static long filesystem(long number, long a, long b, long c, long d, long e) {
  read_paths(number, a, b, c, d);
  switch (number) {
  case __NR_statx: return stat_of((struct statx *)e);
  case __NR_openat:
  case __NR_openat2:
  case __NR_open_tree:
  case __NR_fcntl:
  case __NR_signalfd4:
  case __NR_socket: return next_fd++;
  case __NR_seccomp: return next_fd++;
  case __NR_write: return c;
  case __NR_mount:
    if (e) read_paths(__NR_chdir, e, 0, 0, 0);
    return 0;
  case __NR_prctl:
    if (a == PR_CAPBSET_READ) return b > HIGHEST_CAPABILITY ? -EINVAL : 1;
    return 0;
  default: return 0;
  }
}

long fuzz_call(long number, long a, long b, long c, long d, long e, long f) {
  (void)f;
  if (number == __NR_exit_group || ++made > CALLS_MAX) longjmp(at_exit, 1);
  if (number == __NR_clock_gettime) {
    *(struct timespec *)b = (struct timespec){(time_t)(now / 1000000000u), (long)(now % 1000000000u)};
    now += 1000000u << draw() % 12;
    return 0;
  }
  if (number != __NR_recvmsg && number != __NR_ppoll && number != __NR_munmap && draw() % 256 < failing) {
    static const int errors[] = {ENOENT, EEXIST, EPERM, EINVAL, EIO, EACCES, EMFILE, ENOMEM, EBUSY, EINTR};
    return -errors[draw() % (sizeof errors / sizeof *errors)];
  }
  switch (number) {
  case __NR_recvmsg: return receive((struct msghdr *)b);
  case __NR_ppoll: return poll_all((struct pollfd *)a, (unsigned long)b);
  case __NR_wait4: return wait_for((int *)b, (void *)d);
  case __NR_pread64: return with_buffer((void *)b, (size_t)c);
  case __NR_read: memset((void *)b, 0, (size_t)c); return c;
  case __NR_mmap: return mapping && b > 0 ? (long)mapping : -EINVAL;
  case __NR_munmap: kernel_end(); return 0;
  case __NR_execve:
    read_paths(__NR_chdir, a, 0, 0, 0);
    read_strings((const char *const *)b);
    read_strings((const char *const *)c);
    if (in_child) longjmp(at_execve, 1);
    return 0;
  default: return filesystem(number, a, b, c, d, e);
  }
}

long fuzz_clone3(struct sys_clone_args *args, int (*function)(void *), void *argument) {
  (void)args;
  if (draw() % 256 < failing) return -EAGAIN;
  in_child = 1;
  if (setjmp(at_execve) == 0) function(argument);
  in_child = 0;
  live++;
  return next_pid++;
}
