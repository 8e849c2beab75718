// The profile of `seccomp('default')`, in the same shape as a caller's own.
//
// Everything that ordinary programs use is allowed; whether a process may do it is then a matter of its ids, capabilities
// and namespaces. So is what the kernel refuses to whoever lacks a capability before it does anything else (chroot,
// sethostname, setting clocks), and what no kernel has had for years: each further distinction makes the filter longer,
// and every start installs one. The rest has one of four answers:
//   violation     what no ordinary program calls, and what attacks on the kernel or on other processes begin with
//   EPERM         what ordinary programs try and can do without: an unprivileged kernel's answer
//   EAFNOSUPPORT  a socket of a family that a sandboxed program has no use for, as if the kernel had been built without it
//   ENOSYS        calls that libraries know to replace (clone3, io_uring), obsolete ones, and all that came after this list
// Each capability that the command keeps opens what it is for, as in container engines.

import { constants } from 'node:os'

const { EPERM, EAFNOSUPPORT, ENOSYS } = constants.errno

/**
 * CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME of `<linux/sched.h>`. In clone(2) the last
 * lies within the exit signal, where no signal sets it.
 */
const CLONE_NEW = 0x7e020080

// Both are 32 bits to the kernel: a comparison of all 64 would be passed by with a bit set above (CVE-2019-10063).
const INT_BITS = 0xffffffff
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c

const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 }
const NETLINK_ROUTE = 0

/** PER_LINUX32, UNAME26, and ADDR_NO_RANDOMIZE for debuggers and sanitizers: harmless, also together; -1 only asks. */
const PERSONALITY_BITS = 0x8 | 0x20000 | 0x40000
const PERSONALITY_ASKED = 0xffffffff

const equals = (index: number, value: number) => ({
  index,
  value: INT_BITS,
  valueTwo: value,
  op: 'SCMP_CMP_MASKED_EQ' as const,
})
const ALLOW = 'SCMP_ACT_ALLOW'
const ERRNO = 'SCMP_ACT_ERRNO'
const KILL = 'SCMP_ACT_KILL_PROCESS'

/** Allowed whatever the arguments. */
export const ALLOWED: readonly string[] = [
  // Files.
  ...['read', 'write', 'readv', 'writev', 'pread64', 'pwrite64', 'preadv', 'pwritev', 'preadv2', 'pwritev2', 'lseek'],
  ...['open', 'openat', 'openat2', 'creat', 'close', 'close_range', 'dup', 'dup2', 'dup3', 'fcntl', 'flock'],
  ...[
    'stat',
    'fstat',
    'lstat',
    'newfstatat',
    'statx',
    'statfs',
    'fstatfs',
    'ustat',
    'access',
    'faccessat',
    'faccessat2',
  ],
  ...['truncate', 'ftruncate', 'fallocate', 'fadvise64', 'readahead', 'sync', 'syncfs', 'fsync', 'fdatasync'],
  ...['sync_file_range', 'copy_file_range', 'sendfile', 'splice', 'tee', 'vmsplice', 'cachestat'],
  ...['getdents', 'getdents64', 'getcwd', 'chdir', 'fchdir', 'mkdir', 'mkdirat', 'rmdir', 'rename', 'renameat'],
  ...['renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat', 'readlink', 'readlinkat'],
  ...['mknod', 'mknodat', 'chmod', 'fchmod', 'fchmodat', 'fchmodat2', 'chown', 'fchown', 'lchown', 'fchownat', 'umask'],
  ...['utime', 'utimes', 'futimesat', 'utimensat', 'name_to_handle_at', 'file_getattr', 'file_setattr'],
  ...['getxattr', 'lgetxattr', 'fgetxattr', 'getxattrat', 'setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat'],
  ...['listxattr', 'llistxattr', 'flistxattr', 'listxattrat', 'removexattr', 'lremovexattr', 'fremovexattr'],
  ...['removexattrat', 'inotify_init', 'inotify_init1', 'inotify_add_watch', 'inotify_rm_watch', 'fanotify_mark'],
  ...['io_setup', 'io_destroy', 'io_submit', 'io_cancel', 'io_getevents', 'io_pgetevents'],
  ...['pipe', 'pipe2', 'poll', 'ppoll', 'select', 'pselect6', 'epoll_create', 'epoll_create1', 'epoll_ctl'],
  ...['epoll_ctl_old', 'epoll_wait', 'epoll_wait_old', 'epoll_pwait', 'epoll_pwait2', 'eventfd', 'eventfd2'],
  ...['signalfd', 'signalfd4', 'memfd_create', 'memfd_secret'],
  // Memory.
  ...['brk', 'mmap', 'munmap', 'mremap', 'mprotect', 'madvise', 'mincore', 'msync', 'mlock', 'mlock2', 'mlockall'],
  ...['munlock', 'munlockall', 'remap_file_pages', 'pkey_alloc', 'pkey_free', 'pkey_mprotect', 'mseal', 'membarrier'],
  ...['map_shadow_stack', 'get_mempolicy', 'set_mempolicy', 'set_mempolicy_home_node', 'mbind', 'process_mrelease'],
  // Processes and threads.
  ...['execve', 'execveat', 'exit', 'exit_group', 'fork', 'vfork', 'wait4', 'waitid', 'prctl', 'arch_prctl'],
  ...['set_tid_address', 'set_robust_list', 'get_robust_list', 'rseq', 'futex', 'futex_waitv', 'futex_wake'],
  ...['futex_wait', 'futex_requeue', 'set_thread_area', 'get_thread_area', 'modify_ldt', 'getpid', 'getppid', 'gettid'],
  ...['getpgid', 'getpgrp', 'getsid', 'setpgid', 'setsid', 'pidfd_open', 'pidfd_send_signal', 'getrlimit', 'setrlimit'],
  ...['prlimit64', 'getrusage', 'getpriority', 'setpriority', 'ioprio_get', 'ioprio_set', 'getcpu', 'times', 'uname'],
  ...['sysinfo', 'getrandom', 'sched_yield', 'sched_getaffinity', 'sched_setaffinity', 'sched_getattr'],
  ...['sched_setattr', 'sched_getparam', 'sched_setparam', 'sched_getscheduler', 'sched_setscheduler'],
  ...['sched_get_priority_max', 'sched_get_priority_min', 'sched_rr_get_interval', 'seccomp', 'uretprobe', 'uprobe'],
  ...[
    'landlock_create_ruleset',
    'landlock_add_rule',
    'landlock_restrict_self',
    'lsm_get_self_attr',
    'lsm_list_modules',
  ],
  // Refused by the kernel itself without the capability, or in no kernel at all.
  ...['chroot', 'sethostname', 'setdomainname', 'settimeofday', 'clock_settime', 'vhangup', 'lookup_dcookie'],
  ...['migrate_pages', 'move_pages', 'process_madvise', 'lsm_set_self_attr', 'statmount', 'listmount', 'sysfs'],
  ...['_sysctl', 'nfsservctl', 'getpmsg', 'putpmsg', 'afs_syscall', 'tuxcall', 'security', 'vserver'],
  // Ids, as far as capabilities go.
  ...['getuid', 'geteuid', 'getgid', 'getegid', 'getresuid', 'getresgid', 'getgroups', 'setuid', 'setgid', 'setreuid'],
  ...['setregid', 'setresuid', 'setresgid', 'setfsuid', 'setfsgid', 'setgroups', 'capget', 'capset'],
  // Signals and time.
  ...['kill', 'tkill', 'tgkill', 'rt_sigaction', 'rt_sigprocmask', 'rt_sigpending', 'rt_sigqueueinfo', 'rt_sigreturn'],
  ...['rt_sigsuspend', 'rt_sigtimedwait', 'rt_tgsigqueueinfo', 'sigaltstack', 'pause', 'restart_syscall', 'alarm'],
  ...['nanosleep', 'clock_nanosleep', 'clock_gettime', 'clock_getres', 'gettimeofday', 'time', 'adjtimex'],
  ...['clock_adjtime', 'getitimer', 'setitimer', 'timer_create', 'timer_settime', 'timer_gettime', 'timer_delete'],
  ...['timer_getoverrun', 'timerfd_create', 'timerfd_settime', 'timerfd_gettime'],
  // Sockets, once one of an allowed family is there, and IPC.
  ...['bind', 'listen', 'accept', 'accept4', 'connect', 'shutdown', 'getsockname', 'getpeername', 'getsockopt'],
  ...['setsockopt', 'sendto', 'recvfrom', 'sendmsg', 'recvmsg', 'sendmmsg', 'recvmmsg'],
  ...['shmget', 'shmat', 'shmctl', 'shmdt', 'msgget', 'msgsnd', 'msgrcv', 'msgctl', 'semget', 'semop', 'semctl'],
  ...['semtimedop', 'mq_open', 'mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify', 'mq_getsetattr'],
]

/** Calls, and the capabilities each of which opens them. */
type Privileged = readonly { readonly names: readonly string[]; readonly caps: readonly string[] }[]

/** Ends the program, unless a capability that it keeps is for this. */
export const FORBIDDEN: Privileged = [
  { names: ['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'kcmp'], caps: ['sys_ptrace'] },
  {
    names: [
      ...[
        'mount',
        'umount2',
        'pivot_root',
        'open_tree',
        'open_tree_attr',
        'move_mount',
        'fsopen',
        'fsconfig',
        'fsmount',
      ],
      ...['fspick', 'mount_setattr', 'setns', 'fanotify_init', 'quotactl', 'quotactl_fd', 'swapon', 'swapoff'],
    ],
    caps: ['sys_admin'],
  },
  { names: ['bpf'], caps: ['sys_admin', 'bpf'] },
  { names: ['perf_event_open'], caps: ['sys_admin', 'perfmon'] },
  { names: ['open_by_handle_at'], caps: ['dac_read_search'] },
  {
    names: ['init_module', 'finit_module', 'delete_module', 'create_module', 'get_kernel_syms', 'query_module'],
    caps: ['sys_module'],
  },
  { names: ['reboot', 'kexec_load', 'kexec_file_load'], caps: ['sys_boot'] },
  { names: ['iopl', 'ioperm'], caps: ['sys_rawio'] },
  { names: ['acct'], caps: ['sys_pacct'] },
  // A key is shared by all that have the same id on the host; a userfaultfd stops the kernel where it does not expect it.
  { names: ['add_key', 'request_key', 'keyctl', 'userfaultfd'], caps: [] },
]

/** Refused with EPERM, unless a capability that it keeps is for this. */
export const DENIED: Privileged = [
  { names: ['unshare', 'clone'], caps: ['sys_admin'] },
  { names: ['syslog'], caps: ['sys_admin', 'syslog'] },
]

/** Answered as by a kernel that lacks them. clone3 hides its flags in memory, where no filter can read them. */
export const ABSENT: readonly string[] = [
  ...['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'uselib'],
]

/** Decided by arguments. */
export const EXAMINED: readonly string[] = ['ioctl', 'personality', 'socket', 'socketpair']

// With any one of several capabilities: an entry for each, since `includes` wants all that it names.
function opened(table: Privileged): object[] {
  return table.flatMap(({ names, caps }) => caps.map((cap) => ({ names, action: ALLOW, includes: { caps: [cap] } })))
}

function closed(table: Privileged, verdict: object): object[] {
  return table.map(({ names, caps }) => ({ names, ...verdict, excludes: { caps } }))
}

function sockets(): object[] {
  const of = (...args: object[]) => ({ names: ['socket'], action: ALLOW, args })
  return [
    ...[AF.unix, AF.inet, AF.inet6].map((family) => of(equals(0, family))),
    // rtnetlink is what getifaddrs(3) asks; other protocols configure, or report on the host.
    of(equals(0, AF.netlink), equals(2, NETLINK_ROUTE)),
    { ...of(equals(0, AF.netlink)), includes: { caps: ['net_admin'] } },
    { ...of(equals(0, AF.packet)), includes: { caps: ['net_raw'] } },
    { ...of(equals(0, AF.packet)), action: ERRNO, errnoRet: EPERM, excludes: { caps: ['net_raw'] } },
    { names: ['socket', 'socketpair'], action: ERRNO, errnoRet: EAFNOSUPPORT },
    { names: ['socketpair'], action: ALLOW, args: [equals(0, AF.unix)] },
  ]
}

/** The profile itself. */
export const DEFAULT_PROFILE = {
  defaultAction: ERRNO,
  defaultErrnoRet: ENOSYS,
  syscalls: [
    { names: ALLOWED, action: ALLOW },
    { names: ABSENT, action: ERRNO, errnoRet: ENOSYS, excludes: { caps: ['sys_admin'] } },
    ...opened(FORBIDDEN),
    ...closed(FORBIDDEN, { action: KILL }),
    ...opened(DENIED),
    ...closed(DENIED, { action: ERRNO, errnoRet: EPERM }),
    // Threads and processes, but no namespaces.
    {
      names: ['clone', 'unshare'],
      action: ALLOW,
      args: [{ index: 0, value: CLONE_NEW, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['clone3'], action: ALLOW, includes: { caps: ['sys_admin'] } },
    { names: ['ioctl'], action: ALLOW },
    ...[TIOCSTI, TIOCLINUX].map((request) => ({
      names: ['ioctl'],
      action: ERRNO,
      errnoRet: EPERM,
      args: [equals(1, request)],
    })),
    { names: ['personality'], action: ERRNO, errnoRet: EPERM },
    {
      names: ['personality'],
      action: ALLOW,
      args: [{ index: 0, value: INT_BITS - PERSONALITY_BITS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['personality'], action: ALLOW, args: [equals(0, PERSONALITY_ASKED)] },
    ...sockets(),
  ],
}
