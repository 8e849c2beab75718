// A result is told apart by its outcome.
import type { RunResult, SandboxOutcome, SandboxResult } from 'cofferdam'
import { expectType, type Same } from './expect.js'

export function narrows(result: SandboxResult): string {
  switch (result.outcome) {
    case 'exited':
      expectType<number>(result.exitCode)
      expectType<undefined>(result.signal)
      return 'exited'
    case 'signaled':
      expectType<undefined>(result.exitCode)
      expectType<string>(result.signal)
      return 'signaled'
    case 'cpu-time-limit':
    case 'wall-time-limit':
    case 'memory-limit':
    case 'output-limit':
    case 'pids-limit':
    case 'aborted':
      expectType<number | undefined>(result.exitCode)
      expectType<string | undefined>(result.signal)
      return 'ended'
    case 'seccomp-violation':
      expectType<string>(result.syscall)
      expectType<number>(result.syscallNumber)
      expectType<string>(result.architecture)
      return result.syscall
    default:
      // Every outcome has been named.
      expectType<never>(result)
      return result
  }
}

expectType<
  Same<
    SandboxOutcome,
    | 'exited'
    | 'signaled'
    | 'cpu-time-limit'
    | 'wall-time-limit'
    | 'memory-limit'
    | 'output-limit'
    | 'pids-limit'
    | 'aborted'
    | 'seccomp-violation'
  >
>(true)

export function figures({ usage }: SandboxResult): void {
  expectType<number>(usage.wallTimeMs)
  expectType<number>(usage.cpuTimeMs)
  expectType<number | undefined>(usage.pidsPeak)
  // @ts-expect-error a figure may be one that the host cannot give
  expectType<number>(usage.pidsPeak)
}

export function isReadOnly(result: RunResult): void {
  // @ts-expect-error a result does not change
  result.ok = true
  // @ts-expect-error nor does anything in it
  result.usage.cpuTimeMs = 0
  // @ts-expect-error nor its lists
  result.limitsExceeded.push('memory')
  // @ts-expect-error nor what was written
  result.stdout = ''
}

export function hasACallOnlyThen(result: SandboxResult): void {
  // @ts-expect-error only a violation has a call
  result.syscall
}

export function throwsIfFailed(result: RunResult<Buffer>): void {
  expectType<Buffer>(result.throwIfFailed().stdout)
}

// @ts-expect-error there is no such outcome
export const unknownOutcome: SandboxOutcome = 'timeout'
