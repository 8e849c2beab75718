// One start: from a request to the promises of its events. Program outcomes resolve, failures of the sandbox reject.

import { constants } from 'node:os'
import { nativeBinding, spawnNative } from './binding.js'
import { CAUSE } from './encode/wire.js'
import { type CommandRequest, type EncodedPlan, type EncodedRequest, encodeRequest } from './encode.js'
import { abortedError, type Origin, SandboxError, SandboxUnsupportedError, withOrigin } from './errors.js'
import type { ExitedEvent, FailedEvent, NativeEvent, StartedEvent } from './native.js'
import type { SandboxPlan } from './plan-types.js'
import { setupError } from './setup-errors.js'
import type { SandboxStep } from './steps.js'

/** A plan with its bytes. */
export interface Prepared {
  readonly plan: SandboxPlan
  readonly encoded: EncodedPlan
}

class Deferred<T> {
  settled = false
  #resolve!: (value: T) => void
  #reject!: (error: Error) => void
  readonly promise = new Promise<T>((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })

  resolve(value: T): void {
    this.settled = true
    this.#resolve(value)
  }

  // Errors are made only where they are wanted: on the good way there is none, and they are dear.
  reject(error: () => Error): void {
    if (this.settled) return
    this.settled = true
    this.#reject(error())
  }
}

function ignore(): void {}

/** A sandbox that is starting, running or over. */
export class Launch {
  /** Whether the command can still be acted on. */
  live = true
  readonly #id: number
  readonly #started = new Deferred<StartedEvent>()
  readonly #exited = new Deferred<ExitedEvent>()
  readonly #closed = new Deferred<void>()
  readonly #request: EncodedRequest
  readonly #signal: AbortSignal | undefined
  readonly #origin: Origin

  /**
   * @throws SandboxUnsupportedError when the plan cannot be carried out on this host
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when the signal has fired already
   */
  constructor(prepared: Prepared, request: CommandRequest, signal: AbortSignal | undefined, origin: Origin) {
    const missing = prepared.plan.unsupported[0]
    if (missing) throw withOrigin(new SandboxUnsupportedError(missing.feature, missing.reason, missing.hint), origin)
    if (signal?.aborted) throw withOrigin(abortedError(signal), origin)
    this.#origin = origin
    this.#signal = signal
    this.#request = encodeRequest(prepared.encoded, request)
    // Whoever does not wait must not be punished with an unhandled rejection: the error is on the other promise, too.
    this.#started.promise.catch(ignore)
    this.#exited.promise.catch(ignore)
    this.#started.settled = request.collect
    this.#id = spawnNative(this.#request.bytes, (event) => this.#receive(event))
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** The command runs. Never settles for requests that collect. */
  get started(): Promise<StartedEvent> {
    return this.#started.promise
  }

  /** The command has ended. */
  get exited(): Promise<ExitedEvent> {
    return this.#exited.promise
  }

  /** Nothing of the sandbox is left. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Signals the command's own process; false when it is over. */
  kill(signal: number): boolean {
    return this.live && nativeBinding().kill(this.#id, signal)
  }

  /** Ends the whole tree because the caller says so; false when it is over. */
  end(): boolean {
    return this.live && nativeBinding().end(this.#id, CAUSE.CAUSE_ABORT)
  }

  readonly #abort = (): void => {
    this.end()
  }

  #receive(event: NativeEvent): void {
    switch (event.kind) {
      case 'started':
        this.#started.resolve(event)
        return
      case 'exited':
        this.#over()
        this.#exited.resolve(event)
        // Only a command that was aborted before its start was reported has not settled this yet.
        this.#started.reject(() =>
          withOrigin(this.#signal?.aborted ? abortedError(this.#signal) : this.#lost(), this.#origin),
        )
        return
      case 'failed':
        this.#fail(() => this.#failure(event))
        return
      case 'lost':
        this.#fail(() => this.#lost())
        return
      case 'closed':
        this.#fail(() => this.#lost())
        this.#closed.resolve()
        return
    }
  }

  #over(): void {
    this.live = false
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  #fail(error: () => Error): void {
    this.#over()
    let traced: Error | undefined
    const once = () => {
      traced ??= withOrigin(error(), this.#origin)
      return traced
    }
    this.#started.reject(once)
    this.#exited.reject(once)
  }

  #failure({ phase, step, index, errno, said }: FailedEvent): Error {
    if (errno === constants.errno.ECANCELED && this.#signal?.aborted) return abortedError(this.#signal)
    const name = (nativeBinding().steps[step] ?? 'request') as SandboxStep
    return setupError({ step: name, index, errno, subject: this.#request.subject(phase, index), said })
  }

  #lost(): SandboxError {
    return new SandboxError(
      'ERR_SANDBOX_LOST',
      'The sandbox ended without a report; what became of the program is unknown.',
      {
        hint: 'Its init may have been killed from outside, for instance by the host running out of memory.',
      },
    )
  }
}
