/*
 * The kernel's own price of starting a program: what every other way to start one is held against. A server, so that
 * its figures can be taken in the same rounds as the others: for each line on stdin
 *
 *     <clone flags, hexadecimal> <cgroup v2 directory, or ->
 *
 * it starts argv[1] once by clone3(CLONE_VM | CLONE_VFORK | flags), waits for its end, and prints the microseconds that
 * passed, or the errno as "-<errno>". With a directory it makes a group in it, starts the program there with
 * CLONE_INTO_CGROUP and removes the group; all of that counts.
 *
 * Flags 0 is vfork(2) and execve(2): the floor. The child shares this memory until execve, and so calls nothing but
 * that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (64 * 1024)

static char *const empty[] = {NULL};

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* A child on a stack of its own: clone3 returns in it as in the parent, so it must not return from this function. */
static pid_t start(struct clone_args *args, char *const argv[]) {
  pid_t pid;
  const char *file = argv[0];
#if defined(__x86_64__)
  register char *const *child_argv __asm__("r12") = argv;
  register const char *child_file __asm__("r13") = file;
  register char *const *child_env __asm__("r14") = empty;
  long result = SYS_clone3;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "mov %%r13, %%rdi\n\t"
                   "mov %%r12, %%rsi\n\t"
                   "mov %%r14, %%rdx\n\t"
                   "mov %[execve], %%eax\n\t"
                   "syscall\n\t"
                   "mov $127, %%edi\n\t"
                   "mov %[exit], %%eax\n\t"
                   "syscall\n\t"
                   "1:"
                   : "+a"(result)
                   : "D"(args), "S"(sizeof *args), "r"(child_argv), "r"(child_file),
                     "r"(child_env), [execve] "i"(SYS_execve), [exit] "i"(SYS_exit)
                   : "rcx", "r11", "rdx", "memory");
  pid = (pid_t)result;
#else
  /* Elsewhere vfork(2) alone, which libc makes safe to return from; the namespaces have no figure there. */
  if (args->flags & ~(__u64)(CLONE_VM | CLONE_VFORK)) return -ENOSYS;
  pid = vfork();
  if (pid == 0) {
    execve(file, argv, empty);
    _exit(127);
  }
  if (pid < 0) pid = -errno;
#endif
  return pid;
}

/* Microseconds from before the start until all is gone, or -errno. */
static double measure(unsigned long long flags, const char *cgroup, char *const argv[], void *stack) {
  struct clone_args args = {
      .flags = CLONE_VM | CLONE_VFORK | flags,
      .exit_signal = SIGCHLD,
      .stack = (unsigned long)stack,
      .stack_size = STACK_SIZE,
  };
  double begin_us = now_us();
  int group = -1;
  if (cgroup) {
    if (mkdir(cgroup, 0755) < 0) return -errno;
    group = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (unsigned long)group;
  }
  int status = 0;
  pid_t pid = start(&args, argv);
  if (pid > 0) waitpid(pid, &status, 0);
  if (cgroup) {
    close(group);
    while (rmdir(cgroup) < 0 && errno == EBUSY) {
    }
  }
  double end_us = now_us();
  if (pid < 0) return pid;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? end_us - begin_us : -ECHILD;
}

int main(int argc, char *argv[]) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s <program>\n", argv[0]);
    return 2;
  }
  void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return 1;
  char *const program[] = {argv[1], NULL};
  char line[4200], path[4096 + 32];
  while (fgets(line, sizeof line, stdin)) {
    char *rest;
    unsigned long long flags = strtoull(line, &rest, 16);
    rest += strspn(rest, " ");
    rest[strcspn(rest, "\n")] = '\0';
    int grouped = strcmp(rest, "-") != 0;
    snprintf(path, sizeof path, "%s/floor.%d", rest, (int)getpid());
    printf("%.1f\n", measure(flags, grouped ? path : NULL, program, stack));
    fflush(stdout);
  }
  return 0;
}
