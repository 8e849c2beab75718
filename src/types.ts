// The public option types: what the builder's methods accept.

import type { Readable, Writable } from 'node:stream'
import type { LandlockScope } from './landlock/rights.js'
import type { Sandbox } from './sandbox.js'

/** A Linux namespace: one kind of thing that the process gets its own of (`namespaces(7)`). */
export type NamespaceName = 'user' | 'mount' | 'pid' | 'net' | 'ipc' | 'uts' | 'cgroup' | 'time'

/**
 * A size: whole bytes, or a string with a unit: `'64KiB'`, `'256MiB'`, `'1.5GiB'`, `'10MB'`.
 * `K`, `M`, `G`, `T` alone mean the binary unit; `KB`, `MB`, `GB`, `TB` the decimal one.
 */
export type Size = number | string

/** A duration: milliseconds, or a string with a unit: `'200ms'`, `'1.5s'`, `'2m'`, `'1h'`. */
export type Duration = number | string

/** Unlimited: takes back a limit that an earlier call set. */
export type Unlimited = 'max'

/** Options of {@link Sandbox.rootfs}. */
export interface RootfsOptions {
  /**
   * - `'overlay'`: the directories are read-only layers, with a writable one on top.
   * - `'readonly'`: the layers, and nothing in them can be changed.
   * - `'writable'`: one directory, used as it is; what the program changes stays changed, and mount points that it
   *   lacks (`/proc`, `/dev`, `/tmp`) are made in it.
   *
   * @default 'overlay'
   */
  mode?: 'overlay' | 'readonly' | 'writable' | undefined
  /**
   * A directory of the caller's that becomes the writable layer: what the program writes is found there afterwards.
   * One sandbox at a time; neither a mount point nor inside a layer, since overlayfs has its work directory beside it.
   * Only with `mode: 'overlay'`; `undefined` puts the layer in memory, and it vanishes with the sandbox.
   */
  upper?: string | undefined
  /**
   * Size of the writable layer in memory, at least 64 KiB; `/tmp` and `/dev/shm` are part of it. Writing more gives the
   * program `ENOSPC`. Not with `upper`.
   *
   * @default '256MiB'
   */
  size?: Size | undefined
  /**
   * How the root becomes `/`: `pivot_root(2)`; `switch_root` where the current root cannot be pivoted (an
   * initramfs); `chroot(2)` only for recipes without a mount namespace, where it is no wall against root.
   *
   * @default 'pivot_root'
   */
  switch?: 'pivot_root' | 'switch_root' | 'chroot' | undefined
}

/** Options of {@link Sandbox.subordinateIds}. */
export interface SubordinateIdsOptions {
  /**
   * The user and group id inside, 0 to 65535, that is the caller on the host; the files of the caller are this id's. `0`
   * gives the map of rootless podman, as a root file system needs that it has unpacked. Only with `'always'`.
   *
   * @default the command's own ids, see {@link Sandbox.user}
   */
  callerId?: number | undefined
}

/** Options of {@link Sandbox.bind}. */
export interface BindOptions {
  /** Whether the program may write where file permissions let it. @default false */
  writable?: boolean | undefined
  /** Whether a missing source is skipped instead of being an error. @default false */
  optional?: boolean | undefined
}

/** Options of {@link Sandbox.tmpfs}. */
export interface TmpfsOptions {
  /** Most bytes it can hold, at least 4 KiB. @default '64MiB' */
  size?: Size | undefined
  /** Permission bits of its root directory. @default 0o1777 */
  mode?: number | undefined
}

/** Options of {@link Sandbox.file}. */
export interface FileOptions {
  /** Permission bits. @default 0o644 */
  mode?: number | undefined
}

/** Offsets of the sandbox's clocks from the host's (`time_namespaces(7)`); negative values go back. */
export interface ClockOffsets {
  /** Added to `CLOCK_MONOTONIC`. @default 0 */
  monotonic?: Duration | undefined
  /** Added to `CLOCK_BOOTTIME`. @default 0 */
  boottime?: Duration | undefined
}

/** Bandwidth and operations of one block device (cgroup v2 `io.max`, v1 `blkio.throttle.*`). */
export interface IoLimit {
  /** `'8:0'`, a device file such as `'/dev/sda'`, or any path: then the disk its file system is on. */
  device: string
  /** Bytes read per second. */
  readBps?: Size | undefined
  /** Bytes written per second. */
  writeBps?: Size | undefined
  /** Read operations per second. */
  readIops?: number | undefined
  /** Write operations per second. */
  writeIops?: number | undefined
}

/** Options of {@link Sandbox.limits}. Unset means unlimited, unless a default is given. */
export interface Limits {
  /**
   * Cores the whole tree may use at once, 0.01 to 4096; 0.5 is half a core. More is slowed down, not ended.
   * Kernel: v2 `cpu.max`, v1 `cpu.cfs_quota_us`.
   */
  cpu?: number | Unlimited | undefined
  /** CPU time of the whole tree, user and system. More ends it with outcome `'cpu-time-limit'`. */
  cpuTime?: Duration | Unlimited | undefined
  /** Time from `execve` on. More ends the tree with outcome `'wall-time-limit'`. */
  wallTime?: Duration | Unlimited | undefined
  /**
   * Memory of the whole tree, page cache included, at least 64 KiB. More has the kernel kill a process: outcome
   * `'memory-limit'`. Kernel: v2 `memory.max`, v1 `memory.limit_in_bytes`.
   */
  memory?: Size | Unlimited | undefined
  /**
   * Memory of the whole tree above which it is made to give back what it can and is slowed down, but not ended; at least
   * 64 KiB. Kernel: v2 `memory.high`; cgroup v1 has no such limit (`SandboxUnsupportedError`).
   */
  memoryHigh?: Size | Unlimited | undefined
  /**
   * Whether the kernel, when it has to kill for lack of memory, kills all processes of the tree at once instead of one of
   * them. Kernel: v2 `memory.oom.group`; not on cgroup v1 (`SandboxUnsupportedError`). @default false
   */
  oomGroup?: boolean | undefined
  /** Swap space of the whole tree. Kernel: v2 `memory.swap.max`, v1 `memory.memsw.limit_in_bytes`. @default 0 when `memory` is set */
  swap?: Size | Unlimited | undefined
  /**
   * Processes and threads of the tree at once, 1 to 4194304. One more gives the program `EAGAIN`; when it then fails
   * the outcome is `'pids-limit'`. Kernel: `pids.max`.
   */
  pids?: number | Unlimited | undefined
  /** Open descriptors of each process, 1 to 1048576. One more gives `EMFILE`. Kernel: `RLIMIT_NOFILE`. @default 1024 */
  openFiles?: number | undefined
  /** Size of each file that is written. More gives `SIGXFSZ`. Kernel: `RLIMIT_FSIZE`. */
  fileSize?: Size | Unlimited | undefined
  /** Stack of each process's first thread, at least 64 KiB. More gives `SIGSEGV`. Kernel: `RLIMIT_STACK`. */
  stack?: Size | Unlimited | undefined
  /** Size of a core dump. Kernel: `RLIMIT_CORE`. @default 0 */
  core?: Size | Unlimited | undefined
  /** Bytes of stdout and stderr together. More ends the tree with outcome `'output-limit'`. @default '64MiB' for `run`, else unlimited */
  output?: Size | Unlimited | undefined
  /** Limits per block device. More is slowed down, not ended. */
  io?: IoLimit | readonly IoLimit[] | undefined
  /** The CPUs the tree may run on: `'0-3,8'` or `[0, 1]`. Kernel: `cpuset.cpus`. */
  cpuset?: string | readonly number[] | Unlimited | undefined
}

/**
 * Options of {@link Sandbox.landlock}: each list says what is still allowed, an empty one that nothing is. What has no
 * list is not restricted. Paths are absolute ones inside the sandbox; a directory stands for all below it.
 */
export interface LandlockRules {
  /** What may be opened for reading, directories also listed. Linux 5.19. */
  read?: readonly string[] | undefined
  /**
   * Where files may be opened for writing, made, removed, renamed and truncated. Between two directories a file may be moved
   * only if that gives it no right that it did not have before (otherwise `EXDEV`). Linux 6.2, see `truncate`.
   */
  write?: readonly string[] | undefined
  /**
   * What may be executed, and, where `read` is given, read: the kernel wants both. A dynamically linked program needs its
   * linker in here and its libraries in `read`; a script its interpreter. Linux 5.19.
   */
  execute?: readonly string[] | undefined
  /** Device files to which commands (`ioctl(2)`) may be sent once they are opened; of those inherited it is not asked. Linux 6.10. */
  ioctl?: readonly string[] | undefined
  /**
   * `'write'`: files may be truncated where `write` permits to write. `'unrestricted'`: everywhere as far as their owner
   * and mode permit it, for kernels before Linux 6.2, which cannot restrict it; `plan().warnings` says so.
   *
   * @default 'write'
   */
  truncate?: 'write' | 'unrestricted' | undefined
  /** TCP ports that may be connected to, 1 to 65535, whatever the address. Other protocols are not restricted. Linux 6.7. */
  connectTcp?: readonly number[] | undefined
  /**
   * TCP ports that may be bound, 0 to 65535; 0 is any port that the kernel chooses. Listening without binding takes such
   * a port, too, and is not restricted. Linux 6.7.
   */
  bindTcp?: readonly number[] | undefined
  /**
   * What may not reach outside of the command and its children: `'signal'` (`kill(2)` and the like), and
   * `'abstract_unix_socket'` (connecting and sending to those made elsewhere). Linux 6.12.
   */
  scope?: readonly LandlockScope[] | undefined
}

/** The limits that {@link SandboxProcess.setLimits} can change while a sandbox lives. */
export type LiveLimits = Pick<
  Limits,
  'cpu' | 'memory' | 'memoryHigh' | 'oomGroup' | 'swap' | 'pids' | 'cpuset' | 'io'
> &
  Pick<Priority, 'cpuWeight' | 'ioWeight'>

/** Options of {@link Sandbox.priority}: who goes first when there is not enough for all. */
export interface Priority {
  /** Share of CPU time against other groups, 1 to 10000. Kernel: v2 `cpu.weight`, v1 `cpu.shares`. @default 100 */
  cpuWeight?: number | undefined
  /** Share of disk time against other groups, 1 to 10000. Kernel: v2 `io.weight` and `io.bfq.weight`, v1 `blkio.weight`. @default 100 */
  ioWeight?: number | undefined
  /** Nice value, -20 (first) to 19 (last); below 0 needs rights of the caller. @default 0 */
  nice?: number | undefined
}

/** A figure of {@link Sandbox.measure}. */
export type Figure = 'memory' | 'pids' | 'io'

/** A file of the host for a standard stream, opened with the caller's rights. */
export interface StdioFile {
  /** The file; stdin is opened for reading, stdout and stderr are created when missing. */
  path: string
  /** Whether stdout or stderr is added at the end; otherwise the file is emptied first. @default false */
  append?: boolean | undefined
}

/**
 * Where a standard stream goes: `'pipe'` a Node stream, `'ignore'` `/dev/null`, `'inherit'` the Node process's own,
 * a descriptor number, a stream that has one, or a file: `{ path }`, or a string with a slash in it.
 */
export type StdioOption =
  | 'pipe'
  | 'ignore'
  | 'inherit'
  | (string & {})
  | number
  | StdioFile
  | {
      /** The stream's descriptor. */
      readonly fd: number
    }

/** The size of a terminal, in characters. */
export interface PtySize {
  /** Columns, 1 to 65535. @default 80 */
  cols?: number | undefined
  /** Rows, 1 to 65535. @default 24 */
  rows?: number | undefined
}

/** Options of {@link Sandbox.spawn} for a command on a terminal of its own. */
export interface PtySpawnOptions extends Omit<SpawnOptions, 'stdin' | 'stdout' | 'stderr'> {
  pty: true | PtySize
}

/** Options of {@link Sandbox.spawn}. */
export interface SpawnOptions {
  /** @default 'pipe' */
  stdin?: StdioOption | undefined
  /** @default 'pipe' */
  stdout?: StdioOption | undefined
  /** @default 'pipe' */
  stderr?: StdioOption | undefined
  /**
   * A terminal (pty(7)) as stdin, stdout and stderr at once, and as the controlling terminal of the command's session:
   * the promise is then one of a {@link TerminalProcess}. `true` is one of 80 columns and 24 rows. `TERM` is
   * `xterm-256color` unless `env()` says otherwise. Not together with `stdin`, `stdout` or `stderr`.
   *
   * @default false
   */
  pty?: boolean | PtySize | undefined
  /** Ends the whole tree when it fires: outcome `'aborted'`; before the start, the call rejects. */
  signal?: AbortSignal | undefined
}

/** Options of {@link Sandbox.run}. */
export interface RunOptions {
  /** What the program reads from stdin. @default nothing: stdin is empty */
  input?: string | Uint8Array | undefined
  /** How stdout and stderr are decoded; `'buffer'` leaves them as they are. @default 'utf8' */
  encoding?: BufferEncoding | 'buffer' | undefined
  /** Ends the whole tree when it fires: outcome `'aborted'`; before the start, the call rejects. */
  signal?: AbortSignal | undefined
}

/** Options of {@link Sandbox.open}. */
export interface OpenOptions {
  /** Gives the opening up when it fires before the box has booted; later it does nothing. */
  signal?: AbortSignal | undefined
}

/** Options of {@link SandboxPool}. */
export interface SandboxPoolOptions {
  /** What each command runs in. */
  recipe: Sandbox
  /** How many commands run at once, 1 to 10000. @default `os.availableParallelism()` */
  concurrency?: number | undefined
  /**
   * How many boxes wait booted, besides those in use; refilled in the background. 0 boots a box when a job needs it. At
   * most what this process's descriptors and the host's namespaces allow.
   *
   * @default as many as `concurrency`
   */
  warm?: number | undefined
  /**
   * Whether a box may serve one run after another. A run finds nothing of an earlier one, with or without it: no files
   * in `/tmp`, `/dev/shm`, a `tmpfs()` or the root's layer in memory, no System V object or POSIX queue, no process, key,
   * socket or figure of a control group. With it a box stays if all that can be replaced in it: each run then has a mount
   * and an IPC namespace of its own. That needs a read-only root (or one that persists on the host anyway), a command
   * that is neither root nor has capabilities, all namespaces, and nothing of the recipe's inside `/tmp` and its like
   * (`plan().resettable`); any other box is replaced after each run, as without it. What goes on counting in a box that
   * stays are process ids, and the kernel may remember a TCP port for a minute (`TIME_WAIT`).
   *
   * @default false
   */
  reuse?: boolean | undefined
  /** How many jobs may wait; one more rejects with `ERR_SANDBOX_QUEUE_FULL`. @default 1000 */
  queueLimit?: number | undefined
}

/** What a job of a pool can be told besides its command's options. */
export interface JobControl {
  /** Jobs with a higher one go first; among equals, those that came first. @default 0 */
  priority?: number | undefined
  /**
   * From the call on. When it is over before the command runs the call rejects with `ERR_SANDBOX_TIMEOUT`; a command that
   * runs is ended, with outcome `'aborted'`. It is kept by the event loop; `limits({ wallTime })` does not need that.
   *
   * @default none
   */
  timeout?: Duration | undefined
}

/** Options of {@link SandboxPool.run}. */
export interface PoolRunOptions extends RunOptions, JobControl {}

/** Options of {@link SandboxPool.spawn}. */
export interface PoolSpawnOptions extends SpawnOptions, JobControl {}

/** Options of {@link SandboxPool.spawn} for a command on a terminal of its own. */
export interface PoolPtySpawnOptions extends PtySpawnOptions, JobControl {}

/** The standard streams of a {@link SandboxProcess}. */
export type StdinStream = Writable
/** The standard streams of a {@link SandboxProcess}. */
export type OutputStream = Readable
