// Every error this package rejects with, apart from the TypeError and RangeError of a bad option (validate.ts).

import type { SandboxResult } from './result-types.js'
import type { SandboxStep } from './steps.js'

/**
 * Stable codes, one per way in which a sandbox itself (not the program in it) can fail:
 *
 * - `ERR_SANDBOX_UNSUPPORTED` this host, or this caller's rights, cannot give what the recipe asks for
 * - `ERR_SANDBOX_SETUP` a step of the setup failed; nothing of the command has run
 * - `ERR_SANDBOX_ABORTED` the `signal` option fired before the command was started
 * - `ERR_SANDBOX_LOST` the sandbox ended without a report; the program's outcome is unknown
 * - `ERR_SANDBOX_ENDED` the operation needs a live sandbox and this one is over
 * - `ERR_SANDBOX_BOX_FULL` a box runs as many commands at once as it can
 * - `ERR_SANDBOX_QUEUE_FULL` a pool has as many jobs waiting as its `queueLimit` allows
 * - `ERR_SANDBOX_TIMEOUT` a job of a pool waited longer than its `timeout` for its turn
 * - `ERR_SANDBOX_ADOPT` `adopt()` could not move the process; `code` is the kernel's answer
 * - `ERR_SANDBOX_BINDING` the native part of the package could not be loaded
 * - `ERR_SANDBOX_PROGRAM_FAILED` `throwIfFailed()` on a result that is not `ok`
 */
export type SandboxErrorCode =
  | 'ERR_SANDBOX_UNSUPPORTED'
  | 'ERR_SANDBOX_SETUP'
  | 'ERR_SANDBOX_ABORTED'
  | 'ERR_SANDBOX_LOST'
  | 'ERR_SANDBOX_ENDED'
  | 'ERR_SANDBOX_BOX_FULL'
  | 'ERR_SANDBOX_QUEUE_FULL'
  | 'ERR_SANDBOX_TIMEOUT'
  | 'ERR_SANDBOX_ADOPT'
  | 'ERR_SANDBOX_BINDING'
  | 'ERR_SANDBOX_PROGRAM_FAILED'

/**
 * The base of all errors of this package that are not mistakes in an option.
 *
 * @example
 * try {
 *   await sandbox().run('/bin/true')
 * } catch (error) {
 *   if (error instanceof SandboxError) console.error(error.sandboxCode, error.hint)
 * }
 */
export class SandboxError extends Error {
  /** The name of the class. */
  override readonly name: string = 'SandboxError'
  /** Which kind of failure this is; the same for every error of one class. */
  readonly sandboxCode: SandboxErrorCode
  /** The same as `sandboxCode`; on {@link SandboxSetupError} and with `ERR_SANDBOX_ADOPT` the errno's name. */
  readonly code: string
  /** What to do about it; `undefined` when there is nothing to suggest. */
  readonly hint: string | undefined

  constructor(
    sandboxCode: SandboxErrorCode,
    message: string,
    options: ErrorOptions & { code?: string; hint?: string | undefined } = {},
  ) {
    super(
      options.hint ? `${message} ${options.hint}` : message,
      'cause' in options ? { cause: options.cause } : undefined,
    )
    this.sandboxCode = sandboxCode
    this.code = options.code ?? sandboxCode
    this.hint = options.hint
  }
}

/**
 * This host cannot give what the recipe asks for. It is never given silently less.
 *
 * @example
 * if (error instanceof SandboxUnsupportedError) console.error(`${error.feature}: ${error.hint}`)
 */
export class SandboxUnsupportedError extends SandboxError {
  /** The name of the class. */
  override readonly name: string = 'SandboxUnsupportedError'
  /** The option that cannot be had: `'limits.memory'`, `'namespaces.user'`. */
  readonly feature: string
  /** What to do about it. */
  override readonly hint: string

  constructor(feature: string, reason: string, hint: string) {
    super('ERR_SANDBOX_UNSUPPORTED', `This host does not support ${feature}: ${reason}`, { hint })
    this.feature = feature
    this.hint = hint
  }
}

/** What {@link SandboxSetupError} is made from. */
export interface SetupFailure {
  readonly step: SandboxStep
  readonly index: number
  readonly path: string | undefined
  /** What the message names: the path, or the option when it is about none. */
  readonly about: string | undefined
  readonly errno: number
  readonly code: string
  readonly description: string
  readonly hint: string | undefined
}

/**
 * A step of the setup failed. Nothing of the command has run, and nothing is left behind.
 *
 * @example
 * if (error instanceof SandboxSetupError && error.step === 'exec' && error.code === 'ENOENT') {
 *   console.error(`${error.path} is not in the rootfs`)
 * }
 */
export class SandboxSetupError extends SandboxError {
  /** The name of the class. */
  override readonly name: string = 'SandboxSetupError'
  /** Which step failed. */
  readonly step: SandboxStep
  /** Which record of the step's section it was (0 is the first); for reports of defects. */
  readonly index: number
  /** The path the step was about; `undefined` when it was about none. */
  readonly path: string | undefined
  /** The kernel's error number, positive (`errno(3)`). */
  readonly errno: number

  constructor(failure: SetupFailure) {
    const about = failure.about === undefined ? '' : `: ${failure.about}`
    const what = `The sandbox could not be set up: step '${failure.step}' failed with ${failure.code}`
    super('ERR_SANDBOX_SETUP', `${what} (${failure.description})${about}.`, { code: failure.code, hint: failure.hint })
    this.step = failure.step
    this.index = failure.index
    this.path = failure.path
    this.errno = failure.errno
  }
}

/**
 * `throwIfFailed()` was called on the result of a program that did not exit with code 0.
 *
 * @example
 * try {
 *   (await sandbox().run('/bin/false')).throwIfFailed()
 * } catch (error) {
 *   if (error instanceof SandboxExecutionError) console.error(error.result.outcome)
 * }
 */
export class SandboxExecutionError extends SandboxError {
  /** The name of the class. */
  override readonly name: string = 'SandboxExecutionError'
  /** The whole result. */
  readonly result: SandboxResult

  constructor(result: SandboxResult) {
    super('ERR_SANDBOX_PROGRAM_FAILED', result.explain())
    this.result = result
  }
}

/** The error of a `signal` that fired before the command was started; its `cause` is the signal's reason. */
export function abortedError(signal: AbortSignal): SandboxError {
  return new SandboxError('ERR_SANDBOX_ABORTED', 'The start of the sandbox was aborted.', { cause: signal.reason })
}

/** The error of an operation on a sandbox that is over. */
export function endedError(operation: string): SandboxError {
  return new SandboxError('ERR_SANDBOX_ENDED', `${operation} needs a live sandbox, and this one has ended.`)
}

/** Where and when a terminal method was called, kept so that errors which arrive later lead there. */
export interface Origin {
  stack?: string
  /** As `performance.now()` has it. */
  readonly calledAt: number
}

/** Captures the caller of `method`; the frames are formatted only when somebody reads them. */
export function captureOrigin(
  method: ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown),
): Origin {
  const origin: Origin = { calledAt: performance.now() }
  Error.captureStackTrace(origin, method)
  return origin
}

/** Gives an error that arrived with an event the stack of the call which caused it. */
export function withOrigin<E extends Error>(error: E, origin: Origin): E {
  const frames = (origin.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n')
  return error
}
