// What a shell is told: the exit status of `cofferdam run`, after timeout(1), env(1) and the shell itself.

import { constants } from 'node:os'
import { SandboxError, SandboxSetupError } from '../errors.js'
import type { SandboxResult } from '../result-types.js'

/** A limit on time ended it, as by timeout(1). */
export const TIMED_OUT = 124
/** The failure is ours: the sandbox, or the call. */
export const FAILED = 125
/** The command is there, and cannot be executed. */
const CANNOT_EXECUTE = 126
/** There is no such command. */
const NOT_FOUND = 127

/** As a shell has it for a command that a signal has ended. */
export function statusOfSignal(signal: string): number {
  const realtime = /^SIGRTMIN\+(\d+)$/.exec(signal)?.[1]
  const bare = /^SIG(\d+)$/.exec(signal)?.[1]
  const number = realtime === undefined ? (constants.signals as Record<string, number>)[signal] : 34 + Number(realtime)
  return 128 + (number ?? Number(bare ?? constants.signals.SIGKILL))
}

/** Of a command that has run; `told` is the signal that this process was sent, if any. */
export function statusOfResult(result: SandboxResult, told: NodeJS.Signals | undefined): number {
  const { outcome, exitCode, signal } = result
  switch (outcome) {
    case 'cpu-time-limit':
    case 'wall-time-limit':
      return TIMED_OUT
    case 'output-limit':
    case 'seccomp-violation':
      // init has killed the tree; or it was about to, and the command was gone by then, with whatever code.
      return statusOfSignal('SIGKILL')
    case 'aborted':
      return statusOfSignal(told ?? 'SIGKILL')
    default:
      // What a limit of memory or processes did to it, it has answered itself: by its code, or by its death.
      return exitCode ?? statusOfSignal(signal ?? 'SIGKILL')
  }
}

/** Of a command that has not run; `file` is the one that was asked for. */
export function statusOfError(error: unknown, file: string | undefined): number {
  // The working directory is entered in the same step, and is no command.
  if (!(error instanceof SandboxSetupError) || error.step !== 'exec' || error.path !== file) return FAILED
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? NOT_FOUND : CANNOT_EXECUTE
}

/** Whether a start was given up because this process was told to end. */
export function wasAborted(error: unknown): boolean {
  return error instanceof SandboxError && error.sandboxCode === 'ERR_SANDBOX_ABORTED'
}
