// The shape of a result: how a program ended, what it used, which limits it crossed.

/** A limit of {@link Limits} that can be seen to have been crossed. */
export type LimitName = 'cpuTime' | 'wallTime' | 'memory' | 'pids' | 'output' | 'fileSize'

/** What the whole tree of processes used. A figure the host cannot give is `undefined`, never 0. */
export interface SandboxUsage {
  /** From `execve` to the end of the command, in milliseconds. */
  readonly wallTimeMs: number
  /** CPU time of all processes, in milliseconds. From the cgroup; without one, of those that were waited for. */
  readonly cpuTimeMs: number
  /** The part of it spent in user mode. */
  readonly userTimeMs: number
  /** The part of it spent in the kernel. */
  readonly systemTimeMs: number
  /**
   * Most memory at once, in bytes. Of the whole tree, page cache included, where the memory controller was joined
   * (`limits.memory`, `measure('memory')`, and always where cgroup v2 has it); otherwise the resident set of the
   * largest single process (`ru_maxrss`), which misses what several processes use together.
   */
  readonly memoryPeakBytes: number
  /** Most processes and threads at once; `undefined` without the pids controller or before Linux 6.1. */
  readonly pidsPeak: number | undefined
  /** Bytes read from disks; from the io controller where it was joined, otherwise in units of 512 from rusage. */
  readonly readBytes: number
  /** Bytes written to disks, counted as `readBytes` is. */
  readonly writtenBytes: number
  /** Page faults that needed a disk. */
  readonly majorFaults: number
  /** Times a process gave up its CPU to wait. */
  readonly voluntarySwitches: number
  /** Times a process was taken off its CPU. */
  readonly involuntarySwitches: number
}

/** What every result has, whatever its outcome. */
export interface SandboxResultBase {
  /** Whether the program exited by itself with code 0. */
  readonly ok: boolean
  /** What the whole tree of processes used. */
  readonly usage: SandboxUsage
  /** Limits that were crossed, even if they did not end the program. */
  readonly limitsExceeded: readonly LimitName[]
  /** The outcome in one plain English sentence. */
  explain(): string
  /**
   * Returns the result itself when it is `ok`.
   *
   * @throws SandboxExecutionError `ERR_SANDBOX_PROGRAM_FAILED` otherwise, with the result in its `result`
   */
  throwIfFailed(): this
}

/** The command exited by itself. */
export interface ExitedResult extends SandboxResultBase {
  /** The command exited by itself. */
  readonly outcome: 'exited'
  /** 0 to 255. */
  readonly exitCode: number
  /** No signal ended it. */
  readonly signal: undefined
}

/** A signal ended the command, and no limit or abort was behind it. */
export interface SignaledResult extends SandboxResultBase {
  /** A signal ended it. */
  readonly outcome: 'signaled'
  /** It has no exit code. */
  readonly exitCode: undefined
  /** The signal's name, such as `'SIGSEGV'`. */
  readonly signal: string
}

/** A limit, or the caller's `signal` option, ended the command. */
export interface EndedResult extends SandboxResultBase {
  /** The limit that ended it, or that it was aborted. */
  readonly outcome: 'cpu-time-limit' | 'wall-time-limit' | 'memory-limit' | 'output-limit' | 'pids-limit' | 'aborted'
  /** A number when the command exited by itself all the same: after its child was killed for memory, for instance. */
  readonly exitCode: number | undefined
  /** The name of the signal that ended the command; `undefined` when it exited by itself. */
  readonly signal: string | undefined
}

/** A system call that the recipe's `seccomp` forbids ended the command; it was not carried out. */
export interface SeccompViolationResult extends SandboxResultBase {
  /** A forbidden system call ended it. */
  readonly outcome: 'seccomp-violation'
  /** The call's name, such as `'ptrace'`; `'#999'` where this package knows no name for the number. */
  readonly syscall: string
  /** The number, as the architecture counts. */
  readonly syscallNumber: number
  /** By whose numbers the call was made: `'x86_64'`, `'aarch64'`, or one that is always refused: `'i386'`, `'x32'`, `'arm'`. */
  readonly architecture: string
  /** A number when the command exited by itself while a child's call was being refused. */
  readonly exitCode: number | undefined
  /** `'SIGKILL'` when the command was ended by it. */
  readonly signal: string | undefined
}

/** How a program ended: discriminated by `outcome`. */
export type SandboxResult = ExitedResult | SignaledResult | EndedResult | SeccompViolationResult

/** What `outcome` of a {@link SandboxResult} can be. */
export type SandboxOutcome = SandboxResult['outcome']

/** A result of {@link Sandbox.run}: with all that the program wrote. */
export type RunResult<T extends string | Buffer = string> = SandboxResult & {
  /** All that was written to it, up to the limit on output. */
  readonly stdout: T
  /** The same of stderr. */
  readonly stderr: T
}
