// The numbers of binding/init/wire.h, by the names they have there (a test compares them with the header's text).

export const WIRE_MAGIC = 0x4d414446
export const WIRE_VERSION = 5
export const WIRE_NO_TREE = 0xffffffff
/** Bytes of `struct wire_request`. */
export const WIRE_REQUEST_SIZE = 28

export const REQUEST_FLAG = {
  WIRE_COLLECT: 1,
  WIRE_NO_CAPABILITIES: 2,
  WIRE_STOCKED: 4,
  WIRE_TELL_START: 8,
  WIRE_SHARED: 16,
} as const

export const RECORD_FLAG = { WIRE_OPTIONAL: 1 } as const

export const HOST = {
  HOST_NAMESPACES: 1,
  HOST_ID_MAP: 2,
  HOST_DENY_SETGROUPS: 3,
  HOST_CLOCK_OFFSETS: 4,
  HOST_TREE: 5,
  HOST_WORKDIR: 6,
  HOST_HIERARCHY: 7,
  HOST_GROUP_WRITE: 8,
  HOST_LIMIT: 9,
  HOST_STAT: 10,
  HOST_STDIO: 11,
  HOST_OUTPUT_LIMIT: 12,
  HOST_OWNER: 13,
  HOST_CPU_CLOCK: 14,
  HOST_RLIMIT: 15,
  HOST_NICE: 16,
  HOST_MAP_WRITERS: 17,
} as const

export const TREE_FLAG = {
  WIRE_TREE_RECURSIVE: 1,
  WIRE_TREE_ID_MAPPED: 2,
  WIRE_TREE_LAYER: 4,
  WIRE_TREE_DEVICES: 8,
} as const

export const STDIO = {
  WIRE_STDIO_NULL: 0,
  WIRE_STDIO_PIPE: 1,
  WIRE_STDIO_FD: 2,
  WIRE_STDIO_PATH: 3,
  WIRE_STDIO_COLLECT: 4,
  WIRE_STDIO_FEED: 5,
  WIRE_STDIO_TERMINAL: 6,
} as const

export const CPU_CLOCK = { WIRE_CPU_STAT_V2: 0, WIRE_CPUACCT_USAGE: 1 } as const

export const BOOT = {
  BOOT_IDENTITY: 64,
  BOOT_HOSTNAME: 65,
  BOOT_LOOPBACK: 66,
  BOOT_PRIVATE: 67,
  BOOT_STAGE: 68,
  BOOT_LAYER: 69,
  BOOT_UPPER: 70,
  BOOT_ROOT: 71,
  BOOT_DIRECTORY: 72,
  BOOT_PROC: 73,
  BOOT_TMPFS: 74,
  BOOT_DEVPTS: 75,
  BOOT_MQUEUE: 76,
  BOOT_BIND: 77,
  BOOT_FILE: 78,
  BOOT_SYMLINK: 79,
  BOOT_MASK: 80,
  BOOT_READONLY: 81,
  BOOT_SEAL: 82,
  BOOT_SWITCH: 83,
  BOOT_CHROOT: 84,
  BOOT_NO_PID_NAMESPACE: 85,
  BOOT_SCRATCH: 86,
  BOOT_SHIELD: 87,
  BOOT_PLACE: 88,
  BOOT_LANDLOCK: 89,
  BOOT_LANDLOCK_PATH: 90,
  BOOT_LANDLOCK_PORT: 91,
  BOOT_CAPABILITIES: 92,
} as const

export const ROOT = { WIRE_ROOT_OVERLAY: 0, WIRE_ROOT_TREE: 1, WIRE_ROOT_EMPTY: 2 } as const

export const SWITCH = { WIRE_PIVOT_ROOT: 0, WIRE_SWITCH_ROOT: 1 } as const

export const EXEC = {
  EXEC_COMMAND: 128,
  EXEC_ENVIRONMENT: 129,
  EXEC_SEARCH_PATH: 130,
  EXEC_CWD: 131,
  EXEC_USER: 132,
  EXEC_RLIMIT: 133,
  EXEC_NICE: 134,
  EXEC_CAPABILITIES: 135,
  EXEC_FILTER: 136,
  EXEC_CGROUP_NAMESPACE: 137,
  EXEC_WALL_LIMIT: 138,
  EXEC_CPU_LIMIT: 139,
  EXEC_LAST: 140,
  EXEC_PARALLELISM: 141,
  EXEC_LANDLOCK: 142,
  EXEC_FRESH_NAMESPACES: 143,
  EXEC_FRESH_STAGE: 144,
  EXEC_FRESH_SCRATCH: 145,
  EXEC_FRESH_TMPFS: 146,
  EXEC_FRESH_MQUEUE: 147,
  EXEC_FRESH_LANDLOCK: 148,
  EXEC_FRESH_LANDLOCK_PATH: 149,
  EXEC_FRESH_LANDLOCK_PORT: 150,
  EXEC_TERMINAL: 151,
} as const

export const PHASE = { PHASE_HOST: 0, PHASE_BOOT: 1, PHASE_EXEC: 2 } as const

export const CAUSE = {
  CAUSE_NONE: 0,
  CAUSE_WALL: 1,
  CAUSE_CPU: 2,
  CAUSE_OUTPUT: 3,
  CAUSE_ABORT: 4,
  CAUSE_SECCOMP: 5,
} as const

/** CLONE_NEW* of <linux/sched.h>; the cgroup namespace is entered later (EXEC_CGROUP_NAMESPACE). */
export const CLONE = {
  mount: 0x00020000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
  time: 0x00000080,
  cgroup: 0,
} as const

/** MOUNT_ATTR_* of <linux/mount.h>. */
export const MOUNT_ATTR = { rdonly: 1, nosuid: 2, nodev: 4, noexec: 8 } as const

/** RLIMIT_* of <asm-generic/resource.h>, the same on x86_64 and aarch64. */
export const RLIMIT = { fsize: 1, stack: 3, core: 4, nofile: 7 } as const
