// The profile of `seccomp('strict')`: to compute, and nothing else. For submissions of a judge.
//
// Allowed is what a static or dynamically linked program, or an interpreter, needs to start, read its input and files, use
// memory and threads, and write to what it was given: no new process, no socket, no file opened for writing. A thread is
// not more than its process is: it has the same memory, limits and filter; a new process could outlive its parent's
// control, and computing needs none. execve(2) has to stay, since the command itself starts by it under the filter; it
// gains nothing, what it starts has the same filter.
//
// What libraries try and can do without is refused with an errno. Everything else is a violation.

import { constants } from 'node:os'

const { EPERM, EACCES, ENOTTY, ENOSYS } = constants.errno
const ALLOW = 'SCMP_ACT_ALLOW'
const ERRNO = 'SCMP_ACT_ERRNO'

/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE's own bit of `<asm-generic/fcntl.h>`. */
const OPEN_TO_WRITE = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000
/** CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD; and every CLONE_NEW* that clone(2) takes. */
const CLONE_OF_A_THREAD = 0x00010f00
const CLONE_NEW = 0x7e020000
const TCGETS = 0x5401
const TIOCGWINSZ = 0x5413
const FIONREAD = 0x541b
const AF_UNIX = 1
const INT_BITS = 0xffffffff

const masked = (index: number, mask: number, value: number) => ({
  index,
  value: mask,
  valueTwo: value,
  op: 'SCMP_CMP_MASKED_EQ' as const,
})

const ALLOWED: readonly string[] = [
  ...['execve', 'exit', 'exit_group', 'arch_prctl', 'set_tid_address', 'set_robust_list', 'get_robust_list', 'rseq'],
  ...['read', 'readv', 'pread64', 'preadv', 'preadv2', 'write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'lseek'],
  ...[
    'close',
    'close_range',
    'dup',
    'dup2',
    'dup3',
    'fcntl',
    'stat',
    'fstat',
    'lstat',
    'newfstatat',
    'statx',
    'statfs',
  ],
  ...['fstatfs', 'access', 'faccessat', 'faccessat2', 'readlink', 'readlinkat', 'getcwd', 'getdents', 'getdents64'],
  ...['chdir', 'fchdir', 'fadvise64', 'readahead', 'sendfile', 'splice', 'poll', 'ppoll', 'select', 'pselect6'],
  ...[
    'pipe',
    'pipe2',
    'epoll_create',
    'epoll_create1',
    'epoll_ctl',
    'epoll_wait',
    'epoll_pwait',
    'epoll_pwait2',
    'eventfd',
    'eventfd2',
  ],
  ...['brk', 'mmap', 'munmap', 'mremap', 'mprotect', 'madvise', 'mincore', 'msync', 'mlock', 'mlock2', 'munlock'],
  ...['pkey_alloc', 'pkey_free', 'pkey_mprotect', 'membarrier', 'mseal', 'map_shadow_stack', 'get_mempolicy'],
  ...['futex', 'futex_waitv', 'futex_wake', 'futex_wait', 'futex_requeue', 'sched_yield', 'sched_getaffinity'],
  ...['sched_getattr', 'sched_getparam', 'sched_getscheduler', 'sched_get_priority_max', 'sched_get_priority_min'],
  ...['getpid', 'getppid', 'gettid', 'getpgid', 'getpgrp', 'getsid', 'getuid', 'geteuid', 'getgid', 'getegid'],
  ...['getresuid', 'getresgid', 'getgroups', 'getrlimit', 'getrusage', 'getpriority', 'getcpu', 'uname', 'sysinfo'],
  ...['times', 'getrandom', 'capget', 'umask'],
  // Of itself, as far as the kernel lets a process without capabilities: other ids than it has are none of its own.
  ...[
    'setuid',
    'setgid',
    'setreuid',
    'setregid',
    'setresuid',
    'setresgid',
    'setfsuid',
    'setfsgid',
    'capset',
    'setpgid',
  ],
  ...['setsid', 'setpriority', 'setrlimit', 'prlimit64', 'sched_setaffinity', 'sched_setattr', 'sched_setparam'],
  ...['sched_setscheduler', 'sched_rr_get_interval', 'mlockall', 'munlockall', 'clock_settime', 'setgroups'],
  // In no kernel, or the same as mmap.
  ...['epoll_ctl_old', 'epoll_wait_old', 'remap_file_pages'],
  // Signals and time.
  ...['tgkill', 'tkill', 'kill', 'rt_sigaction', 'rt_sigprocmask', 'rt_sigpending', 'rt_sigqueueinfo', 'rt_sigreturn'],
  ...['rt_sigsuspend', 'rt_sigtimedwait', 'rt_tgsigqueueinfo', 'sigaltstack', 'pause', 'restart_syscall', 'alarm'],
  ...[
    'nanosleep',
    'clock_nanosleep',
    'clock_gettime',
    'clock_getres',
    'gettimeofday',
    'time',
    'getitimer',
    'setitimer',
  ],
  ...['timer_create', 'timer_settime', 'timer_gettime', 'timer_delete', 'timer_getoverrun'],
  ...['timerfd_create', 'timerfd_settime', 'timerfd_gettime', 'uretprobe', 'uprobe'],
]

/** The profile itself. */
export const STRICT_PROFILE = {
  defaultAction: 'SCMP_ACT_KILL_PROCESS',
  syscalls: [
    { names: ALLOWED, action: ALLOW },
    { names: ['clone3', 'openat2', 'io_uring_setup'], action: ERRNO, errnoRet: ENOSYS },
    { names: ['clone'], action: ALLOW, args: [masked(0, CLONE_OF_A_THREAD + CLONE_NEW, CLONE_OF_A_THREAD)] },
    { names: ['open'], action: ALLOW, args: [masked(1, OPEN_TO_WRITE, 0)] },
    { names: ['openat'], action: ALLOW, args: [masked(2, OPEN_TO_WRITE, 0)] },
    { names: ['open', 'openat'], action: ERRNO, errnoRet: EACCES },
    ...[TCGETS, TIOCGWINSZ, FIONREAD].map((request) => ({
      names: ['ioctl'],
      action: ALLOW,
      args: [masked(1, INT_BITS, request)],
    })),
    { names: ['ioctl'], action: ERRNO, errnoRet: ENOTTY },
    // A C library asks a name service daemon first (nscd(8)), for getpwuid(3) say, and reads /etc/passwd without one.
    { names: ['socket'], action: ERRNO, errnoRet: EPERM, args: [masked(0, INT_BITS, AF_UNIX)] },
    // Names of threads, and whatever else a runtime tells the kernel about itself: none of it is needed.
    { names: ['prctl'], action: ERRNO, errnoRet: EPERM },
  ],
}
