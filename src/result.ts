// From the end of a command to its result: a pure classification, and how to say it in a sentence.

import type { CgroupFigures } from './cgroup/figures.js'
import { CAUSE } from './encode/wire.js'
import { SandboxExecutionError } from './errors.js'
import type { LimitsRecipe } from './recipe.js'
import { finite } from './recipe.js'
import type {
  LimitName,
  SandboxOutcome,
  SandboxResult,
  SandboxResultBase,
  SandboxUsage,
  SeccompViolationResult,
} from './result-types.js'
import { describeCall } from './seccomp/tables.js'
import { parseStatus } from './signals.js'
import { formatBytes, formatDuration } from './units.js'

/** What a result is made from. */
export interface Ending {
  /** As `wait(2)` gives it. */
  readonly status: number
  /** enum wire_cause. */
  readonly cause: number
  /** The call behind CAUSE_SECCOMP: its number, and whose (`AUDIT_ARCH_*`). */
  readonly call?: { readonly number: number; readonly architecture: number }
  readonly usage: SandboxUsage
  readonly figures: CgroupFigures
  /** Bytes of stdout and stderr together; -1 when nobody counted. */
  readonly outputBytes: number
  /** The recipe's limits, with the output limit that was in force. */
  readonly limits: LimitsRecipe
}

const CAUSE_OUTCOME: Record<number, SandboxOutcome> = {
  [CAUSE.CAUSE_WALL]: 'wall-time-limit',
  [CAUSE.CAUSE_CPU]: 'cpu-time-limit',
  [CAUSE.CAUSE_OUTPUT]: 'output-limit',
  [CAUSE.CAUSE_ABORT]: 'aborted',
  [CAUSE.CAUSE_SECCOMP]: 'seccomp-violation',
}

function isOver(amount: number | undefined, limit: number | 'max' | undefined): boolean {
  return amount !== undefined && limit !== undefined && limit !== 'max' && amount > limit
}

function crossedLimits(ending: Ending, signal: string | undefined): LimitName[] {
  const { cause, limits, usage, figures, outputBytes } = ending
  const crossed: [LimitName, boolean][] = [
    ['cpuTime', cause === CAUSE.CAUSE_CPU || isOver(usage.cpuTimeMs, limits.cpuTimeMs)],
    ['wallTime', cause === CAUSE.CAUSE_WALL || isOver(usage.wallTimeMs, limits.wallTimeMs)],
    ['memory', finite(limits.memoryBytes) !== undefined && (figures.oomKills ?? 0) > 0],
    ['pids', finite(limits.pids) !== undefined && (figures.pidsRefused ?? 0) > 0],
    ['output', cause === CAUSE.CAUSE_OUTPUT || isOver(outputBytes, limits.outputBytes)],
    ['fileSize', finite(limits.fileSizeBytes) !== undefined && signal === 'SIGXFSZ'],
  ]
  return crossed.filter(([, is]) => is).map(([name]) => name)
}

// What ended the program: what init or the caller ended it for; else, of a program that failed, the limit that the
// kernel enforced against it (memory before pids: a process that was killed outranks one that was not made).
function classify(ending: Ending, exitCode: number | undefined, crossed: readonly LimitName[]): SandboxOutcome {
  const byCause = CAUSE_OUTCOME[ending.cause]
  if (byCause !== undefined) return byCause
  if (exitCode !== 0) {
    if (crossed.includes('memory')) return 'memory-limit'
    if (crossed.includes('pids')) return 'pids-limit'
  }
  return exitCode === undefined ? 'signaled' : 'exited'
}

function bytesOrMax(value: number | 'max' | undefined): string {
  return typeof value === 'number' ? formatBytes(value) : 'none'
}

// What needs no mention: a program for this machine.
const NATIVE = ['x86_64', 'aarch64']

class Result implements SandboxResultBase {
  readonly outcome: SandboxOutcome
  readonly ok: boolean
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly usage: SandboxUsage
  readonly limitsExceeded: readonly LimitName[]
  readonly #ending: Ending

  constructor(ending: Ending) {
    const { exitCode, signal } = parseStatus(ending.status)
    this.limitsExceeded = Object.freeze(crossedLimits(ending, signal))
    this.outcome = classify(ending, exitCode, this.limitsExceeded)
    this.ok = this.outcome === 'exited' && exitCode === 0
    this.exitCode = exitCode
    this.signal = signal
    this.usage = Object.freeze(ending.usage)
    this.#ending = ending
  }

  #end(): string {
    if (this.signal !== undefined) return `was ended by ${this.signal}`
    return this.exitCode === 0 ? 'exited normally' : `exited with code ${this.exitCode}`
  }

  #call(): string {
    const { syscall, architecture } = this as unknown as SeccompViolationResult
    return NATIVE.includes(architecture) ? syscall : `${syscall} of ${architecture}`
  }

  #reason(): string {
    const { limits, figures } = this.#ending
    switch (this.outcome) {
      case 'wall-time-limit':
        return `The program was ended at its wall time limit of ${formatDuration(finite(limits.wallTimeMs) ?? 0)}`
      case 'cpu-time-limit':
        return `The program was ended at its CPU time limit of ${formatDuration(finite(limits.cpuTimeMs) ?? 0)}`
      case 'output-limit':
        return `The program was ended for writing more than its output limit of ${bytesOrMax(limits.outputBytes)}`
      case 'seccomp-violation':
        return `The program was ended for the system call ${this.#call()}, which its seccomp filter forbids`
      case 'aborted':
        return 'The program was ended because the caller aborted it'
      case 'memory-limit': {
        const killed = figures.oomKills === 1 ? '1 process' : `${figures.oomKills} processes`
        return `The program hit its memory limit of ${bytesOrMax(limits.memoryBytes)}: the kernel killed ${killed}, and it ${this.#end()}`
      }
      case 'pids-limit': {
        const times = figures.pidsRefused === 1 ? 'once' : `${figures.pidsRefused} times`
        return `The program hit its limit of ${limits.pids} processes: the kernel refused it another one ${times}, and it ${this.#end()}`
      }
      case 'signaled':
        return (figures.oomKills ?? 0) > 0
          ? `The program ${this.#end()}: the host ran out of memory, not the program's own limit`
          : `The program ${this.#end()}`
      default:
        return `The program ${this.#end()}`
    }
  }

  explain(): string {
    const { wallTimeMs, cpuTimeMs, memoryPeakBytes } = this.usage
    const also = this.limitsExceeded.filter((name) => !this.outcome.startsWith(name.replace(/Time$/, '-time')))
    const crossed = also.length > 0 && this.outcome !== 'aborted' ? `, having crossed its ${also.join(', ')} limit` : ''
    return (
      `${this.#reason()}${crossed}, after ${formatDuration(wallTimeMs)} ` +
      `(${formatDuration(cpuTimeMs)} of CPU time, memory peak ${formatBytes(memoryPeakBytes)}).`
    )
  }

  throwIfFailed(): this {
    if (this.ok) return this
    const error = new SandboxExecutionError(this as unknown as SandboxResult)
    Error.captureStackTrace(error, this.throwIfFailed)
    throw error
  }
}

/** The result of an ending; `output` becomes its `stdout` and `stderr`. */
export function makeResult<T extends object>(ending: Ending, output: T): SandboxResult & T {
  const { call } = ending
  const found = ending.cause === CAUSE.CAUSE_SECCOMP && call ? describeCall(call.architecture, call.number) : undefined
  const violation = found && { ...found, syscallNumber: call?.number }
  return Object.freeze(Object.assign(new Result(ending), violation, output)) as unknown as SandboxResult & T
}
