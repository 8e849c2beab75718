// What somebody who looks on is told about a start: diagnostics_channel for programs that measure, NODE_DEBUG=cofferdam for
// people. Where nobody does, a start asks five booleans and makes nothing.

import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import { formatPlan } from './plan-text.js'
import type { SandboxPlan } from './plan-types.js'
import type { SandboxResult } from './result-types.js'
import type { SpawnErrorMessage, SpawnExitMessage, SpawnMessage, SpawnReadyMessage } from './trace-types.js'
import { formatDuration } from './units.js'

const START = channel('cofferdam:spawn:start')
const READY = channel('cofferdam:spawn:ready')
const EXIT = channel('cofferdam:spawn:exit')
const ERROR = channel('cofferdam:spawn:error')
const log = debuglog('cofferdam')

const PLAN_WIDTH = 100

let started = 0
/** The start at which a plan was printed: a pool would fill pages with it. */
const printed = new WeakMap<SandboxPlan, number>()

/** What is started. */
export type Traced = Pick<SpawnMessage, 'kind' | 'box' | 'file' | 'args' | 'plan'>

/** One start, from the call to the last trace of it. */
export class Trace {
  readonly id: number
  readonly #about: Traced
  readonly #calledAt: number
  readonly #startMs: number
  #submittedMs: number | undefined
  #readyMs: number | undefined
  #endedMs: number | undefined
  #closedMs: number | undefined

  constructor(about: Traced, calledAt: number) {
    this.id = ++started
    this.#about = about
    this.#calledAt = calledAt
    this.#startMs = this.#elapsed()
    if (log.enabled) this.#printStart()
    if (START.hasSubscribers) START.publish(this.#message())
  }

  /** Whether its end has been told. */
  get over(): boolean {
    return this.#endedMs !== undefined
  }

  /** The request has been handed over. */
  submitted(bytes: number): void {
    this.#submittedMs = this.#elapsed()
    if (log.enabled) this.#print(`submitted, ${bytes} bytes`)
  }

  /** The command runs, or the box has booted. */
  ready(pid: number, cgroups: readonly string[] = []): void {
    this.#readyMs = this.#elapsed()
    if (log.enabled) this.#print([`ready, pid ${pid}`, ...cgroups].join(', '))
    if (READY.hasSubscribers) READY.publish({ ...this.#message(), pid } satisfies SpawnReadyMessage)
  }

  /** The end, as it should be; `result` is that of a command. */
  ended(result: SandboxResult | undefined): void {
    if (this.over) return
    this.#endedMs = this.#elapsed()
    if (log.enabled) this.#print(result === undefined ? 'ended' : `ended: ${result.explain()}`)
    if (EXIT.hasSubscribers) EXIT.publish({ ...this.#message(), result } satisfies SpawnExitMessage)
    this.#printClosed()
  }

  /** It has not come to an end that can be told of. */
  failed(error: unknown): void {
    if (this.over) return
    this.#endedMs = this.#elapsed()
    if (log.enabled) this.#print(`failed: ${error instanceof Error ? error.message : String(error)}`)
    if (ERROR.hasSubscribers) ERROR.publish({ ...this.#message(), error } satisfies SpawnErrorMessage)
    this.#printClosed()
  }

  /** Nothing of it is left. Both ends may come at once; what became of it is then told first. */
  closed(): void {
    this.#closedMs = this.#elapsed()
    if (this.over) this.#printClosed()
  }

  #printClosed(): void {
    if (log.enabled && this.#closedMs !== undefined) this.#print('closed', this.#closedMs)
  }

  #elapsed(): number {
    return performance.now() - this.#calledAt
  }

  #message(): SpawnMessage {
    const timings = Object.freeze({
      calledAt: this.#calledAt,
      startMs: this.#startMs,
      submittedMs: this.#submittedMs,
      readyMs: this.#readyMs,
      endedMs: this.#endedMs,
    })
    return { id: this.id, ...this.#about, timings }
  }

  #print(what: string, elapsedMs = this.#elapsed()): void {
    log('%s', `#${this.id} +${formatDuration(elapsedMs)} ${what}`)
  }

  #printStart(): void {
    const { kind, box, file, args, plan } = this.#about
    const words = file === undefined ? '' : `: ${[file, ...args].map((word) => JSON.stringify(word)).join(' ')}`
    this.#print(`${kind}${box === undefined ? '' : ` in box #${box}`}${words}`, this.#startMs)
    const before = printed.get(plan)
    const lines = before === undefined ? formatPlan(plan, PLAN_WIDTH).trimEnd().split('\n') : [`the plan of #${before}`]
    if (before === undefined) printed.set(plan, this.id)
    for (const line of lines) log('%s', `#${this.id}   ${line}`)
  }
}

/** The trace of a start; `undefined` where nobody looks on. Who comes later is told of later starts. */
export function traceOf(about: () => Traced, calledAt: number): Trace | undefined {
  const watched =
    log.enabled || START.hasSubscribers || READY.hasSubscribers || EXIT.hasSubscribers || ERROR.hasSubscribers
  return watched ? new Trace(about(), calledAt) : undefined
}
