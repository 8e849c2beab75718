// What the native addon looks like from here: its functions and its events, as binding/addon.cc makes them.

/** The command runs. Not sent for requests with WIRE_COLLECT. */
export interface StartedEvent {
  readonly kind: 'started'
  readonly id: number
  readonly pid: number
  /** Our ends of the pipes, -1 where there is none. */
  readonly stdio: readonly [number, number, number]
  /** The leaf directories, in the order of HOST_HIERARCHY. */
  readonly cgroups: readonly string[]
}

/** A step failed; nothing of the command has run. */
export interface FailedEvent {
  readonly kind: 'failed'
  readonly id: number
  readonly phase: number
  readonly step: number
  readonly index: number
  readonly errno: number
}

/** The command has ended and is reaped. */
export interface ExitedEvent {
  readonly kind: 'exited'
  readonly id: number
  readonly pid: number
  readonly status: number
  readonly cause: number
  /** With CAUSE_SECCOMP: the call's number, and whose number it is (`AUDIT_ARCH_*`); otherwise 0. */
  readonly syscall: number
  readonly architecture: number
  readonly wallNs: number
  readonly userUs: number
  readonly systemUs: number
  readonly maxRssKib: number
  readonly majorFaults: number
  readonly voluntarySwitches: number
  readonly involuntarySwitches: number
  readonly inBlocks: number
  readonly outBlocks: number
  readonly outputBytes: number
  readonly stats: readonly string[]
  readonly cgroups: readonly string[]
  readonly stdout?: Buffer
  readonly stderr?: Buffer
}

/** The sandbox ended without a report. */
export interface LostEvent {
  readonly kind: 'lost'
  readonly id: number
}

/** Nothing of the sandbox is left; always the last event of an id. */
export interface ClosedEvent {
  readonly kind: 'closed'
  readonly id: number
}

export type NativeEvent = StartedEvent | FailedEvent | ExitedEvent | LostEvent | ClosedEvent

/** The addon's exports. */
export interface NativeBinding {
  /** Names of steps.def; the index is the number in events. */
  readonly steps: readonly string[]
  /** Once per environment, before the first spawn. */
  attach(listener: (event: NativeEvent) => void): void
  /** Starts a sandbox asynchronously; throws only for a malformed request. */
  spawn(request: Uint8Array): number
  /** Signals the command's own process; false when it is over. */
  kill(id: number, signal: number): boolean
  /** Ends the whole tree for a cause (enum wire_cause); false when it is over. */
  end(id: number, cause: number): boolean
  /** Pipe ends of a `started` event belong to the addon until they are claimed, each by its number. */
  claim(fd: number): boolean
}
