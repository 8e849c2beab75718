// A pool: admission of jobs by p-queue, and boxes that wait booted. The only user of p-queue.

import PQueue from 'p-queue'
import { type Box, runInBox, spawnInBox } from './box.js'
import {
  abortedError,
  captureOrigin,
  endedError,
  type Origin,
  SandboxError,
  SandboxSetupError,
  withOrigin,
} from './errors.js'
import { type Command, parseCommand, parseRunOptions, parseSpawnOptions } from './options/command.js'
import { type JobOptions, type PoolSettings, parseJobOptions, parsePoolOptions } from './options/pool.js'
import { PoolBoxes } from './pool-boxes.js'
import { Job } from './pool-job.js'
import type { SandboxProcess } from './process.js'
import type { RunResult } from './result-types.js'
import { openBox } from './sandbox.js'
import type { SandboxStep } from './steps.js'
import type { TerminalProcess } from './terminal.js'
import type { PoolPtySpawnOptions, PoolRunOptions, PoolSpawnOptions, SandboxPoolOptions } from './types.js'

/** A command that has started in its box: what the caller gets, and when the box is free again. */
interface Started<T> {
  readonly value: T
  readonly over: Promise<unknown>
}

// An earlier run has seen to it that its box cannot be made as new (by locking a keyring): nothing has run in it since.
const RESET_STEPS: readonly SandboxStep[] = ['stage', 'tmpfs', 'mqueue', 'session']

function cannotReset(error: unknown): boolean {
  return error instanceof SandboxSetupError && RESET_STEPS.includes(error.step)
}

// The box died while it waited, and the request for the command has not been read.
function hasDied(error: unknown): boolean {
  return error instanceof SandboxSetupError && error.step === 'channel' && error.code === 'EPIPE'
}

type Work<T> = (box: Box, signal: AbortSignal | undefined) => Promise<Started<T>>

/**
 * Runs many commands of one recipe, a bounded number at once, in boxes that wait already booted: so a run costs little
 * more than the start of its program. Each run has a box to itself, as if it had been made for it.
 *
 * An idle pool does not keep the process alive, and its boxes end with the process; jobs do keep it alive. Close it all
 * the same: waiting boxes use memory and processes.
 *
 * @example
 * await using pool = new SandboxPool({ recipe: sandbox().limits({ wallTime: '2s' }), concurrency: 4 })
 * const results = await Promise.all(inputs.map((input) => pool.run('sort', [], { input })))
 */
export class SandboxPool implements AsyncDisposable {
  readonly #settings: PoolSettings
  readonly #queue: PQueue
  readonly #boxes: PoolBoxes
  readonly #jobs = new Set<Job<unknown>>()
  readonly #inPlace: boolean
  readonly #used = new WeakSet<Box>()
  #end: Promise<void> | undefined

  /**
   * @throws TypeError or RangeError for bad options: a `concurrency` of 0, more `warm` boxes than this host can keep
   * @throws SandboxError `ERR_SANDBOX_BINDING` when the native addon cannot be loaded
   * @example const pool = new SandboxPool({ recipe: sandbox(), concurrency: 8, warm: 8, queueLimit: 100 })
   */
  constructor(options: SandboxPoolOptions) {
    this.#settings = parsePoolOptions(options)
    const { recipe, concurrency, warm, reuse } = this.#settings
    this.#queue = new PQueue({ concurrency })
    this.#inPlace = reuse && recipe.plan().resettable
    const origin = captureOrigin(SandboxPool)
    this.#boxes = new PoolBoxes(
      (signal) => openBox(recipe, { signal, fresh: this.#inPlace }, origin),
      warm,
      this.#inPlace,
    )
  }

  /** Jobs that wait for their turn. */
  get size(): number {
    return this.#queue.size
  }

  /** Jobs that have a box, or are getting one. */
  get pending(): number {
    return this.#queue.pending
  }

  /** Boxes that wait for a job, booted. */
  get ready(): number {
    return this.#boxes.ready
  }

  /** Whether {@link pause} holds jobs back. */
  get paused(): boolean {
    return this.#queue.isPaused
  }

  #submit<T>(
    operation: string,
    { priority, timeoutMs }: JobOptions,
    signal: AbortSignal | undefined,
    origin: Origin,
    work: Work<T>,
  ): Promise<T> {
    if (this.#end) throw withOrigin(endedError(operation), origin)
    if (signal?.aborted) throw withOrigin(abortedError(signal), origin)
    const { concurrency, queueLimit } = this.#settings
    const waits = this.#queue.isPaused || this.#queue.pending >= concurrency
    if (waits && this.#queue.size >= queueLimit) {
      const message = `${operation}: ${this.#queue.size} jobs wait already, and queueLimit is ${queueLimit}.`
      const hint = 'Submit fewer at once, raise queueLimit, or wait for onIdle().'
      throw withOrigin(new SandboxError('ERR_SANDBOX_QUEUE_FULL', message, { hint }), origin)
    }
    const job = new Job<T>(signal, timeoutMs, waits, origin)
    this.#jobs.add(job as Job<unknown>)
    const admission = job.waiting ? { priority, signal: job.waiting } : { priority }
    this.#queue
      .add(() => this.#serve(job, work), admission)
      .catch(() => {}) // a job that has left the queue unserved knows why
      .finally(() => this.#jobs.delete(job as Job<unknown>))
    return job.promise
  }

  async #serve<T>(job: Job<T>, work: Work<T>): Promise<void> {
    job.start()
    const refill = this.#boxes.refillSoon()
    try {
      await this.#work(job, work)
    } catch (error) {
      job.reject(error)
    } finally {
      job.finish()
      refill()
    }
  }

  async #work<T>(job: Job<T>, work: Work<T>): Promise<void> {
    const { signal } = job
    for (;;) {
      const box = await this.#boxes.take(signal)
      try {
        signal?.throwIfAborted()
        const { value, over } = await work(box, signal)
        job.resolve(value)
        await over
        if (this.#inPlace) await box.onIdle()
      } catch (error) {
        this.#boxes.discard(box)
        if (hasDied(error) || (this.#used.has(box) && cannotReset(error))) continue
        throw error
      }
      if (!this.#inPlace) return this.#boxes.discard(box)
      this.#used.add(box)
      return this.#boxes.giveBack(box)
    }
  }

  /**
   * Runs a command to its end in a box of its own, when it is its turn; as {@link Sandbox.run}.
   *
   * @throws as {@link Sandbox.run}
   * @throws SandboxError `ERR_SANDBOX_QUEUE_FULL` when `queueLimit` jobs wait already, `ERR_SANDBOX_TIMEOUT` when the
   *   command does not run within `timeout`, `ERR_SANDBOX_ENDED` when the pool is closed first
   * @example
   * const urgent = await pool.run('check', [file], { priority: 10, timeout: '5s' })
   */
  run(
    file: string,
    args: readonly string[] | undefined,
    options: PoolRunOptions & { encoding: 'buffer' },
  ): Promise<RunResult<Buffer>>
  run(
    file: string,
    args?: readonly string[],
    options?: PoolRunOptions & { encoding?: BufferEncoding | undefined },
  ): Promise<RunResult<string>>
  run(file: string, args?: readonly string[], options?: PoolRunOptions): Promise<RunResult<string> | RunResult<Buffer>>
  async run(
    file: string,
    args?: readonly string[],
    options?: PoolRunOptions,
  ): Promise<RunResult<string> | RunResult<Buffer>> {
    const command: Command = parseCommand('run()', file, args)
    const job = parseJobOptions('run()', options)
    const parsed = parseRunOptions(job.rest)
    const origin = captureOrigin(this.run)
    return this.#submit('run()', job, parsed.signal, origin, async (box, signal) => {
      const value = await runInBox(box, command, { ...parsed, signal }, origin)
      return { value, over: Promise.resolve() }
    })
  }

  /**
   * Starts a command in a box of its own, when it is its turn; resolves when it runs, as {@link Sandbox.spawn}. It has
   * its place in the pool until it has ended.
   *
   * @throws as {@link Sandbox.spawn}
   * @throws SandboxError `ERR_SANDBOX_QUEUE_FULL` when `queueLimit` jobs wait already, `ERR_SANDBOX_TIMEOUT` when the
   *   command does not run within `timeout`, `ERR_SANDBOX_ENDED` when the pool is closed first
   * @example
   * const child = await pool.spawn('sort', ['-n'])
   * child.stdin?.end('3\n1\n2\n')
   */
  spawn(file: string, args: readonly string[] | undefined, options: PoolPtySpawnOptions): Promise<TerminalProcess>
  spawn(file: string, args?: readonly string[], options?: PoolSpawnOptions): Promise<SandboxProcess>
  async spawn(file: string, args?: readonly string[], options?: PoolSpawnOptions): Promise<SandboxProcess> {
    const command: Command = parseCommand('spawn()', file, args)
    const job = parseJobOptions('spawn()', options)
    const parsed = parseSpawnOptions(job.rest)
    const origin = captureOrigin(this.spawn)
    return this.#submit('spawn()', job, parsed.signal, origin, async (box, signal) => {
      const value = await spawnInBox(box, command, { ...parsed, signal }, origin)
      return { value, over: value.closed }
    })
  }

  /**
   * Resolves when no job waits and none runs. Of a paused pool with jobs that is after {@link start}.
   *
   * @example await pool.onIdle()
   */
  onIdle(): Promise<void> {
    return this.#queue.onIdle()
  }

  /** Lets no more jobs begin; those that run go on. @example pool.pause() */
  pause(): this {
    this.#queue.pause()
    return this
  }

  /** Lets jobs begin again. @example pool.start() */
  start(): this {
    this.#queue.start()
    return this
  }

  /**
   * Rejects all jobs that wait with `ERR_SANDBOX_ABORTED`; those that run go on.
   *
   * @example pool.clear()
   */
  clear(): void {
    for (const job of this.#jobs) job.cancel(new SandboxError('ERR_SANDBOX_ABORTED', 'The pool was cleared.'))
  }

  /**
   * Closes the pool: jobs that wait reject with `ERR_SANDBOX_ENDED`, commands that run are ended (outcome `'aborted'`),
   * and all boxes are closed. Resolves when nothing is left. Calling it again waits for the same end. To let the jobs
   * finish first, wait for {@link onIdle}.
   *
   * @example await pool.close()
   */
  close(): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  async #close(): Promise<void> {
    for (const job of this.#jobs) job.cancel(endedError('The job'))
    this.#queue.start()
    await this.#boxes.close()
    await this.#queue.onIdle()
  }

  /** The same as {@link close}. @example await using pool = new SandboxPool({ recipe: sandbox() }) */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
