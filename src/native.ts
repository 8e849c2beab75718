// What the native addon looks like from here: its functions and its events, as binding/addon.cc makes them.

/** The command runs. Sent for requests with WIRE_COLLECT only if they have WIRE_TELL_START. */
export interface StartedEvent {
  readonly kind: 'started'
  readonly id: number
  readonly pid: number
  /** Our ends of the pipes, -1 where there is none. */
  readonly stdio: readonly [number, number, number]
  /** The leaf directories, in the order of HOST_HIERARCHY. */
  readonly cgroups: readonly string[]
}

/** A step failed; nothing of the command has run, or the box has not come to be. */
export interface FailedEvent {
  readonly kind: 'failed'
  readonly id: number
  readonly phase: number
  readonly step: number
  readonly index: number
  readonly errno: number
  /** What a program said that failed; `undefined` where the errno says it all. */
  readonly said?: string
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
  /** What was collected; `undefined` when it was nothing. */
  stdout?: Buffer
  stderr?: Buffer
}

/** A box has booted, and waits for commands. */
export interface ReadyEvent {
  readonly kind: 'ready'
  readonly id: number
  /** Of its init. */
  readonly pid: number
}

/** The command, or the box, ended without a report. */
export interface LostEvent {
  readonly kind: 'lost'
  readonly id: number
}

/** Nothing of the command, its tree or its box is left; always the last event of an id. */
export interface ClosedEvent {
  readonly kind: 'closed'
  readonly id: number
}

export type NativeEvent = StartedEvent | FailedEvent | ExitedEvent | LostEvent | ClosedEvent | ReadyEvent

/**
 * How the addon tells an event: its kind as an index into {@link EVENT_KINDS}, texts (figures, then cgroups; or what a program said), and what was
 * collected, if anything was. It is turned into a {@link NativeEvent} by readEvent.
 */
export type NativeListener = (kind: number, id: number, texts: string[], stdout?: Buffer, stderr?: Buffer) => void

/** In the order of enum Kind in binding/sandbox.h. */
export const EVENT_KINDS = ['started', 'failed', 'exited', 'lost', 'closed', 'ready'] as const

/** How many numbers an event has at most. */
export const EVENT_NUMBERS = 16

const at = (numbers: Float64Array, index: number): number => numbers[index] as number

/** The event that the addon has told; `numbers` are those of attach(), in the order of WriteNumbers in binding/addon.cc. */
export function readEvent(
  numbers: Float64Array,
  [kind, id, texts, stdout, stderr]: Parameters<NativeListener>,
): NativeEvent {
  const name = EVENT_KINDS[kind] ?? 'lost'
  switch (name) {
    case 'started':
      return {
        kind: name,
        id,
        pid: at(numbers, 0),
        stdio: [at(numbers, 1), at(numbers, 2), at(numbers, 3)],
        cgroups: texts,
      }
    case 'ready':
      return { kind: name, id, pid: at(numbers, 0) }
    case 'failed':
      return {
        kind: name,
        id,
        phase: at(numbers, 0),
        step: at(numbers, 1),
        index: at(numbers, 2),
        errno: at(numbers, 3),
        ...(texts[0] !== undefined && { said: texts[0] }),
      }
    case 'exited': {
      const stats = at(numbers, 15)
      const event: ExitedEvent = {
        kind: name,
        id,
        status: at(numbers, 0),
        cause: at(numbers, 1),
        syscall: at(numbers, 2),
        architecture: at(numbers, 3),
        pid: at(numbers, 4),
        wallNs: at(numbers, 5),
        userUs: at(numbers, 6),
        systemUs: at(numbers, 7),
        maxRssKib: at(numbers, 8),
        majorFaults: at(numbers, 9),
        voluntarySwitches: at(numbers, 10),
        involuntarySwitches: at(numbers, 11),
        inBlocks: at(numbers, 12),
        outBlocks: at(numbers, 13),
        outputBytes: at(numbers, 14),
        stats: texts.slice(0, stats),
        cgroups: texts.slice(stats),
      }
      if (stdout) event.stdout = stdout
      if (stderr) event.stderr = stderr
      return event
    }
    default:
      return { kind: name, id }
  }
}

/** What a probe found out. */
export interface ProbeAnswer {
  /** Positive; 0 when it worked. */
  readonly errno: number
  /** What it counts, a version; otherwise 0. */
  readonly value: number
  /** The call that failed. */
  readonly at: string
}

/** The addon's exports. */
export interface NativeBinding {
  /** Names of steps.def; the index is the number in events. */
  readonly steps: readonly string[]
  /** Once per environment, before the first spawn. `numbers` is where the addon puts those of an event. */
  attach(listener: NativeListener, numbers: Float64Array): void
  /**
   * Starts asynchronously what the request says (binding/init/wire.h): a command in a sandbox of its own, a box without a
   * command, or one more command in the live box with this id. Throws only for a malformed request.
   */
  spawn(request: Uint8Array, box?: number): number
  /** Signals the command's own process; false when it is over. */
  kill(id: number, signal: number): boolean
  /**
   * Ends the whole tree for a cause (enum wire_cause), or a box once all its commands have been ended for that cause; false
   * when it is over.
   */
  end(id: number, cause: number): boolean
  /** Sets the size of a command's terminal, 1 to 65535 each; false when it is over, or has none. */
  resize(id: number, columns: number, rows: number): boolean
  /** Has a terminal of this process's show what is written as it is (termios(3), OPOST); false when it is none. */
  showAsWritten(fd: number): boolean
  /** Whether an id that is not closed yet keeps the event loop alive, as it does at first. */
  hold(id: number, held: boolean): void
  /** Pipe ends of a `started` event belong to the addon until they are claimed, each by its number. */
  claim(fd: number): boolean
  /** Lets go, now, of what is kept for the next sandboxes: inits made ahead, and namespaces to be removed together. */
  drain(): void
  /**
   * Finds out by trying, in a forked child, what the kernel permits (binding/host_probe.cc); waits for it. `here` asks in
   * this process, for what changes nothing and ends at once.
   */
  probe(name: string, here?: boolean): ProbeAnswer
}
