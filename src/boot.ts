// One box: from a request without a command to the promises of its events.

import { constants } from 'node:os'
import { nativeBinding, spawnNative } from './binding.js'
import { Deferred } from './deferred.js'
import { CAUSE } from './encode/wire.js'
import { type EncodedRequest, encodeOpen } from './encode.js'
import { abortedError, endedError, type Origin, withOrigin } from './errors.js'
import { assertSupported, failureOf, type LiveBox, lostError, type Prepared } from './launch.js'
import type { NativeEvent } from './native.js'
import type { SandboxPlan } from './plan-types.js'
import { type Trace, traceOf } from './trace.js'

/** A box that is booting, waiting for commands, or over. */
export class Boot implements LiveBox {
  readonly id: number
  /** Whether it can still take commands, as far as we know; true while it boots. */
  live = true
  closing = false
  readonly trace: Trace | undefined
  readonly #ready = new Deferred<number>()
  readonly #closed = new Deferred<void>()
  readonly #request: EncodedRequest
  readonly #signal: AbortSignal | undefined
  readonly #origin: Origin
  readonly #plan: SandboxPlan
  #gone = false
  #onEnd: (() => void) | undefined

  /**
   * `commands` is the plan as it is for those that the box will run.
   *
   * @throws SandboxUnsupportedError when the plan cannot be carried out on this host
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when the signal has fired already
   */
  constructor(
    prepared: Prepared,
    commands: Prepared,
    signal: AbortSignal | undefined,
    origin: Origin,
    calledAt: number,
  ) {
    const { plan } = prepared
    this.trace = traceOf(() => ({ kind: 'box', box: undefined, file: undefined, args: [], plan }), calledAt)
    this.#origin = origin
    this.#plan = plan
    this.#signal = signal
    try {
      assertSupported(plan, origin)
      if (signal?.aborted) throw withOrigin(abortedError(signal), origin)
      this.#request = encodeOpen(prepared.encoded, commands.encoded)
      const size = this.#request.bytes.length
      this.id = spawnNative(this.#request.bytes, (event) => this.#receive(event))
      this.trace?.submitted(size)
    } catch (error) {
      this.trace?.failed(error)
      throw error
    }
    signal?.addEventListener('abort', this.end, { once: true })
  }

  /** It has booted; resolves with its init's pid. */
  get ready(): Promise<number> {
    return this.#ready.promise
  }

  /** Nothing of it is left. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Calls back once, when it has stopped to take commands. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener
    if (!this.live) this.#over()
  }

  /** Ends it, and all its commands before it. */
  readonly end = (): void => {
    if (!this.live) return
    this.closing = true
    this.hold(true) // whoever closes it waits for that
    nativeBinding().end(this.id, CAUSE.CAUSE_ABORT)
    this.#over()
  }

  /** Whether it keeps the event loop alive. */
  hold(held: boolean): void {
    if (!this.#gone) nativeBinding().hold(this.id, held)
  }

  #over(): void {
    this.live = false
    const listener = this.#onEnd
    this.#onEnd = undefined
    listener?.()
  }

  #receive(event: NativeEvent): void {
    switch (event.kind) {
      case 'ready':
        this.#signal?.removeEventListener('abort', this.end)
        if (!this.live) return
        this.trace?.ready(event.pid)
        this.#ready.resolve(event.pid)
        return
      case 'failed':
        this.#fail(() =>
          event.errno === constants.errno.ECANCELED ? this.#ended() : failureOf(event, this.#request, this.#plan),
        )
        return
      case 'lost':
        this.#fail(() => this.#ended())
        this.trace?.failed(this.#ended())
        return
      case 'closed':
        this.#gone = true
        this.#fail(() => this.#ended())
        this.trace?.ended(undefined)
        this.trace?.closed()
        this.#closed.resolve()
        return
      default:
        return
    }
  }

  #ended(): Error {
    if (this.#signal?.aborted) return abortedError(this.#signal)
    return this.closing ? endedError('open()') : lostError()
  }

  #fail(error: () => Error): void {
    this.#signal?.removeEventListener('abort', this.end)
    this.#ready.reject(() => {
      const traced = withOrigin(error(), this.#origin)
      this.trace?.failed(traced)
      return traced
    })
    this.#over()
  }
}
