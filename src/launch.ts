// One command: from a request to the promises of its events. Program outcomes resolve, failures of the sandbox reject.

import { constants } from 'node:os'
import { join } from 'node:path'
import { nativeBinding, spawnNative } from './binding.js'
import { Deferred } from './deferred.js'
import { CAUSE } from './encode/wire.js'
import { type CommandRequest, type EncodedPlan, type EncodedRequest, encodeRequest } from './encode.js'
import { abortedError, endedError, type Origin, SandboxError, SandboxUnsupportedError, withOrigin } from './errors.js'
import type { ExitedEvent, FailedEvent, NativeEvent, StartedEvent } from './native.js'
import type { SandboxPlan } from './plan-types.js'
import { setupError } from './setup-errors.js'
import type { SandboxStep } from './steps.js'
import { type Trace, traceOf } from './trace.js'

/** A plan with its bytes. */
export interface Prepared {
  readonly plan: SandboxPlan
  readonly encoded: EncodedPlan
}

/** @throws SandboxUnsupportedError when the plan cannot be carried out on this host */
export function assertSupported(plan: SandboxPlan, origin: Origin): void {
  const missing = plan.unsupported[0]
  if (missing) throw withOrigin(new SandboxUnsupportedError(missing.feature, missing.reason, missing.hint), origin)
}

function upperOf({ boot }: SandboxPlan): string | undefined {
  const step = boot.find(({ op }) => op === 'upper')
  return step?.op === 'upper' ? join(step.source.path, step.upper) : undefined
}

/** The error of a step that failed. */
export function failureOf(event: FailedEvent, request: EncodedRequest, plan: SandboxPlan): Error {
  const { phase, step, index, errno, said } = event
  const name = (nativeBinding().steps[step] ?? 'request') as SandboxStep
  return setupError({
    step: name,
    index,
    errno,
    subject: request.subject(phase, index),
    landlock: plan.command.landlock,
    upper: upperOf(plan),
    said,
  })
}

/** The error of a sandbox that nobody has ended. */
export function lostError(): SandboxError {
  return new SandboxError(
    'ERR_SANDBOX_LOST',
    'The sandbox ended without a report; what became of the program is unknown.',
    {
      hint: 'Its init may have been killed from outside, for instance by the host running out of memory, or by a seccomp filter.',
    },
  )
}

/** A box that has booted, as its commands need to know it. */
export interface LiveBox {
  readonly id: number
  /** Whether it is being closed on request: what ends for that reason is not lost. */
  readonly closing: boolean
  /** What those who look on are told of its opening; `undefined` when nobody did. */
  readonly trace: Trace | undefined
}

/** Whoever keeps an account of launches: told at once, before any promise is settled. */
export interface LaunchOwner {
  /** The request has been handed over. */
  began(launch: Launch): void
  /** The command has ended, or was never started. */
  over(launch: Launch): void
  /** Nothing of it is left. */
  gone(launch: Launch): void
}

/** What a launch is for, beside its plan. */
export interface LaunchContext {
  readonly signal: AbortSignal | undefined
  readonly origin: Origin
  /** Without a box the plan is that of a whole sandbox; with one, that of its commands. */
  readonly box?: LiveBox | undefined
  readonly owner?: LaunchOwner | undefined
}

/** A command that is starting, running or over; in a sandbox of its own, or in a box. */
export class Launch {
  /** Whether the command can still be acted on. */
  live = true
  /** What those who look on are told; `undefined` when nobody does. */
  readonly trace: Trace | undefined
  readonly #id: number
  readonly #started = new Deferred<StartedEvent>()
  readonly #exited = new Deferred<ExitedEvent>()
  readonly #closed = new Deferred<void>()
  readonly #request: EncodedRequest
  readonly #plan: SandboxPlan
  readonly #signal: AbortSignal | undefined
  readonly #origin: Origin
  readonly #box: LiveBox | undefined
  readonly #owner: LaunchOwner | undefined
  #runs = false

  /**
   * @throws SandboxUnsupportedError when the plan cannot be carried out on this host
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when the signal has fired already
   */
  constructor(prepared: Prepared, request: CommandRequest, { signal, origin, box, owner }: LaunchContext) {
    const { plan } = prepared
    const { file, argv } = request.command
    const kind = box ? 'command' : 'sandbox'
    this.trace = traceOf(() => ({ kind, box: box?.trace?.id, file, args: argv.slice(1), plan }), origin.calledAt)
    this.#box = box
    this.#owner = owner
    this.#origin = origin
    this.#plan = plan
    this.#signal = signal
    this.#started.settled = request.collect
    try {
      assertSupported(plan, origin)
      if (signal?.aborted) throw withOrigin(abortedError(signal), origin)
      this.#request = encodeRequest(prepared.encoded, { ...request, tellStart: this.trace !== undefined })
      const size = this.#request.bytes.length
      this.#id = spawnNative(this.#request.bytes, (event) => this.#receive(event), box?.id)
      this.trace?.submitted(size)
    } catch (error) {
      this.trace?.failed(error)
      throw error
    }
    signal?.addEventListener('abort', this.#abort, { once: true })
    owner?.began(this)
  }

  /** The command runs. Not for requests that collect, of which that is not told. */
  get started(): Promise<StartedEvent> {
    return this.#started.promise
  }

  /** The command has ended. */
  get exited(): Promise<ExitedEvent> {
    return this.#exited.promise
  }

  /** Nothing of the command is left; nor of its sandbox, when that is its own. */
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

  /** Sets the size of the command's terminal; false when it is over. */
  resize(columns: number, rows: number): boolean {
    return this.live && nativeBinding().resize(this.#id, columns, rows)
  }

  readonly #abort = (): void => {
    this.end()
  }

  #receive(event: NativeEvent): void {
    switch (event.kind) {
      case 'started':
        this.#runs = true
        this.trace?.ready(event.pid, event.cgroups)
        this.#started.resolve(event)
        return
      case 'exited':
        this.#over()
        this.#exited.resolve(event)
        // Only a command that was aborted before its start was reported has not settled this yet.
        this.#started.reject(() => this.#told(this.#ended() ?? lostError()))
        return
      case 'failed':
        this.#fail(() => this.#failure(event))
        return
      case 'lost':
        this.#fail(() => this.#lost())
        return
      case 'closed':
        this.#fail(() => this.#lost())
        this.trace?.closed()
        this.#owner?.gone(this)
        this.#closed.resolve()
        return
    }
  }

  #told<E extends Error>(error: E): E {
    const traced = withOrigin(error, this.#origin)
    this.trace?.failed(traced)
    return traced
  }

  #over(): void {
    if (this.live) this.#owner?.over(this)
    this.live = false
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  #fail(error: () => Error): void {
    this.#over()
    let traced: Error | undefined
    const once = () => {
      traced ??= this.#told(error())
      return traced
    }
    this.#started.reject(once)
    this.#exited.reject(once)
  }

  #failure(event: FailedEvent): Error {
    // EPIPE: the init of a box that is being closed has gone before the command's request.
    const ended = event.errno === constants.errno.ECANCELED || event.errno === constants.errno.EPIPE
    return (ended ? this.#ended() : undefined) ?? failureOf(event, this.#request, this.#plan)
  }

  // A command that is known to have run is lost even if its box was being closed: its end has not been reported.
  #lost(): SandboxError {
    return this.#box?.closing && !this.#runs ? endedError('A command') : lostError()
  }

  // Why it ended before its time, if the caller had it so.
  #ended(): SandboxError | undefined {
    if (this.#signal?.aborted) return abortedError(this.#signal)
    return this.#box?.closing ? endedError('A command') : undefined
  }
}
