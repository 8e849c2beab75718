/* System calls without a C library: each wrapper is one instruction and returns the result or -errno.
 *
 * Shared by init (freestanding, its own program) and by the addon's child between clone3 and execveat, where libc must
 * not be touched: another thread of Node may hold any lock of it. Numbers and structures come from the kernel's own
 * headers; what those of an older distribution lack is defined here, with the version that brought it.
 */
#ifndef COFFERDAM_SYS_H
#define COFFERDAM_SYS_H

#include <asm/unistd.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>

#ifndef __NR_clone3 /* 5.3 */
#define __NR_clone3 435
#endif
#ifndef __NR_close_range /* 5.9 */
#define __NR_close_range 436
#endif
#ifndef __NR_openat2 /* 5.6 */
#define __NR_openat2 437
#endif
#ifndef __NR_mount_setattr /* 5.12 */
#define __NR_mount_setattr 442
#endif
#ifndef __NR_landlock_create_ruleset /* 5.13, all three */
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif
#ifndef CLONE_CLEAR_SIGHAND /* 5.5 */
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP /* 5.7 */
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME /* 5.6; only clone3 takes it: the bit lies within the exit signal of clone */
#define CLONE_NEWTIME 0x00000080
#endif

/* struct clone_args as of 5.7 (CLONE_ARGS_SIZE_VER2), whatever the header's age. */
struct sys_clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#if defined(__x86_64__)

static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* clone3 on a stack of its own; the child runs function(argument) and exits with what it returns. The kernel keeps
 * every register but rax, rcx and r11, so the child finds both in rdx and r8. */
static inline long sys_clone3_call(struct sys_clone_args *args, int (*function)(void *), void *argument) {
  long result;
  register void *r8 __asm__("r8") = argument;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r8, %%rdi\n\t"
                   "call *%%rdx\n\t"
                   "mov %%eax, %%edi\n\t"
                   "mov %[exit], %%eax\n\t"
                   "syscall\n\t"
                   "hlt\n"
                   "1:"
                   : "=a"(result)
                   : "a"((long)__NR_clone3), "D"(args), "S"(sizeof *args), "d"(function),
                     "r"(r8), [exit] "i"(__NR_exit_group)
                   : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}

static inline long sys_clone3_call(struct sys_clone_args *args, int (*function)(void *), void *argument) {
  register long x8 __asm__("x8") = __NR_clone3;
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = sizeof *args;
  register long x9 __asm__("x9") = (long)function;
  register long x10 __asm__("x10") = (long)argument;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x30, xzr\n\t"
                   "mov x0, x10\n\t"
                   "blr x9\n\t"
                   "mov x8, %[exit]\n\t"
                   "svc 0\n\t"
                   "brk 1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x9), "r"(x10), [exit] "i"(__NR_exit_group)
                   : "memory", "cc");
  return x0;
}

#else
#error "Cofferdam runs on x86_64 and aarch64"
#endif

/* Arguments are converted here, so that callers may pass pointers and integers as they have them. */
#define SYS_ARG(x) ((long)(x))
#define sys_call0(n) sys_call6(n, 0, 0, 0, 0, 0, 0)
#define sys_call1(n, a) sys_call6(n, SYS_ARG(a), 0, 0, 0, 0, 0)
#define sys_call2(n, a, b) sys_call6(n, SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define sys_call3(n, a, b, c) sys_call6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define sys_call4(n, a, b, c, d) sys_call6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define sys_call5(n, a, b, c, d, e) sys_call6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)

#endif
