// What is published on the channels cofferdam:spawn:start, :ready, :exit and :error.

import type { SandboxPlan } from './plan-types.js'
import type { SandboxResult } from './result-types.js'

/** When what happened, in milliseconds of `performance.now()`'s clock, which nothing sets back. */
export interface SpawnTimings {
  /**
   * When the method was called, as `performance.now()` gives it; with `performance.timeOrigin` added, milliseconds since 1970.
   * Of a pool's job: when it was submitted; of a box that a pool opens: when the pool began to.
   */
  readonly calledAt: number
  /** From there until the message of the start: planning, and of a pool's job the wait for its turn and its box. */
  readonly startMs: number
  /**
   * From the call until the request was encoded and handed to the threads that carry it out; `undefined` when it did not come
   * to that.
   */
  readonly submittedMs: number | undefined
  /** From the call until the command was known to run, or the box to have booted; `undefined` when it never did. */
  readonly readyMs: number | undefined
  /** From the call until the end was known, in messages of the end; otherwise `undefined`. */
  readonly endedMs: number | undefined
}

/** What all messages of one start have. */
export interface SpawnMessage {
  /** The same in all messages of one start; counts from 1 in each thread. */
  readonly id: number
  /**
   * - `'sandbox'`: a command in a sandbox of its own: `spawn` and `run` of a recipe
   * - `'box'`: a box without a command: `open`, and those that a pool keeps
   * - `'command'`: a command in a box: `spawn` and `run` of a box or a pool
   */
  readonly kind: 'sandbox' | 'box' | 'command'
  /** The `id` of the messages of its box; `undefined` for what has none, or when nobody listened as the box was opened. */
  readonly box: number | undefined
  /** The command as it was given; `undefined` for a box. */
  readonly file: string | undefined
  /** Its arguments, without the file. They may hold what is not to be logged. */
  readonly args: readonly string[]
  /** What is carried out, as `plan()` gives it. The environment in it may hold what is not to be logged. */
  readonly plan: SandboxPlan
  /** When what was known so far has happened. */
  readonly timings: SpawnTimings
}

/** Channel `cofferdam:spawn:start`: a start is asked for. It is followed by one message of `:exit` or of `:error`. */
export type SpawnStartMessage = SpawnMessage

/** Channel `cofferdam:spawn:ready`: the command runs, or the box has booted. */
export interface SpawnReadyMessage extends SpawnMessage {
  /** On the host: of the command; of a box, that of its init. */
  readonly pid: number
}

/** Channel `cofferdam:spawn:exit`: the command has ended, or a box is closed. A program that fails is a result, no error. */
export interface SpawnExitMessage extends SpawnMessage {
  /** How the command ended; `undefined` for a box. */
  readonly result: SandboxResult | undefined
}

/** Channel `cofferdam:spawn:error`: it could not be started, was aborted before it ran, or was lost. */
export interface SpawnErrorMessage extends SpawnMessage {
  /** What the method rejects with, or `wait()`. */
  readonly error: unknown
}
