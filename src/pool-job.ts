// One job of a pool: its promise, and what can end it before it is done: its signal, its timeout, the pool.

import { Deferred } from './deferred.js'
import { abortedError, type Origin, SandboxError, withOrigin } from './errors.js'
import { formatDuration } from './units.js'

const MAX_TIMER_MS = 2 ** 31 - 1

/** A job from its submission to its end. */
export class Job<T> {
  readonly #outcome = new Deferred<T>()
  readonly #origin: Origin
  readonly #signal: AbortSignal | undefined
  // What the command sees: the caller's own signal where that is all there is.
  readonly #stop: AbortController | undefined
  // What the queue sees: it lets go of a job that waits, and has no part in one that runs.
  readonly #waiting: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #started = false
  #reason: SandboxError | undefined

  constructor(signal: AbortSignal | undefined, timeoutMs: number | undefined, waits: boolean, origin: Origin) {
    this.#origin = origin
    this.#signal = signal
    this.#stop = timeoutMs === undefined ? undefined : new AbortController()
    this.#waiting = waits ? new AbortController() : undefined
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (timeoutMs !== undefined && timeoutMs <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => this.#onTimeout(timeoutMs), timeoutMs)
    }
  }

  /** What the caller waits for. */
  get promise(): Promise<T> {
    return this.#outcome.promise
  }

  /** Ends the job's command when it fires. */
  get signal(): AbortSignal | undefined {
    return this.#stop?.signal ?? this.#signal
  }

  /** Takes the job out of the queue when it fires. */
  get waiting(): AbortSignal | undefined {
    return this.#waiting?.signal
  }

  /** It has left the queue. */
  start(): void {
    this.#started = true
  }

  resolve(value: T): void {
    this.#outcome.resolve(value)
  }

  /** An abort of ours is told by its reason. */
  reject(error: unknown): void {
    const { code, cause } = error as { code?: string; cause?: unknown }
    const ours = this.#reason && (error === this.#reason || (code === 'ERR_SANDBOX_ABORTED' && cause === this.#reason))
    const told = ours ? withOrigin(this.#reason as SandboxError, this.#origin) : this.#traced(error)
    this.#outcome.reject(() => told)
  }

  #traced(error: unknown): Error {
    // Thrown by AbortSignal itself: the caller's reason, which may be anything.
    if (this.#signal?.aborted && error === this.#signal.reason) {
      return withOrigin(abortedError(this.#signal), this.#origin)
    }
    return error as Error
  }

  /** Nothing of it is left: signal and timer no longer matter. */
  finish(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  /** Ends it if it still waits. */
  cancel(error: SandboxError): void {
    if (this.#started) return
    this.#reason = error
    this.reject(error)
    this.finish()
    this.#waiting?.abort(error)
  }

  readonly #onAbort = (): void => {
    if (!this.#signal) return
    if (!this.#started) this.cancel(abortedError(this.#signal))
    this.#stop?.abort(this.#signal.reason)
  }

  #onTimeout(timeoutMs: number): void {
    const message = `The job did not get its turn, or its sandbox, within its timeout of ${formatDuration(timeoutMs)}.`
    const hint = 'Raise the timeout or the concurrency, or submit fewer jobs at once.'
    const error = new SandboxError('ERR_SANDBOX_TIMEOUT', message, { hint })
    this.cancel(error)
    this.#reason = error
    this.#stop?.abort(error)
  }
}
