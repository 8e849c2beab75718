// A worker on Redis: takes submissions from BullMQ, judges so many at once, and writes what becomes of them. It holds a
// lock on each that it renews; when it is lost, others get them after `lockMs`. A submission that is lost too often is given
// up with SE, since it may be what ends the workers.
import { type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { type Judge, type Submission, systemFault } from '../engine/judge.js'
import { eventOf, type SubmissionEvent, statusOf } from './events.js'
import { PREFIX, QUEUE } from './redis.js'
import { connect, RedisStore } from './redis-store.js'

const MAX_LOST = 5

export interface RedisWorkerOptions {
  url: string
  concurrency: number
  lockMs: number
}

export class RedisWorker {
  readonly #redis: Redis
  readonly #store: RedisStore
  readonly #worker: Worker<Submission>

  constructor(
    private readonly judge: Judge,
    { url, concurrency, lockMs }: RedisWorkerOptions,
  ) {
    this.#redis = connect(url, true)
    this.#store = new RedisStore(connect(url, true), PREFIX)
    this.#worker = new Worker<Submission>(QUEUE, (job) => this.#process(job), {
      connection: this.#redis,
      prefix: PREFIX,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      maxStalledCount: MAX_LOST,
    })
    this.#worker.on('error', () => {})
    this.#worker.on('failed', (job, error) => this.#giveUp(job, error))
  }

  /** Resolves when it takes submissions. */
  async ready(): Promise<void> {
    await this.#worker.waitUntilReady()
  }

  /** Takes no more, and waits for those that it judges. */
  async close(): Promise<void> {
    await this.#worker.close().catch(() => {})
    await this.#store.close()
    this.#redis.disconnect()
  }

  async #process(job: Job<Submission>): Promise<void> {
    const id = job.id ?? ''
    const attempt = await this.#store.begin(id)
    if (attempt === undefined) return
    const before = (await this.#store.events(id)) ?? []
    const seen = new Set(before.map(({ type }) => type))
    const superseded = new AbortController()
    // One after the other, and no step that the reader has seen already.
    let written = Promise.resolve()
    const write = (event: SubmissionEvent) => {
      if (event.type !== 'tested' && seen.has(event.type)) return
      written = written.then(async () => {
        if (!(await this.#store.append(id, attempt, event))) superseded.abort(new Error('Another worker has it.'))
      })
    }
    try {
      const onProgress = (progress: Parameters<typeof eventOf>[0]) => write(eventOf(progress))
      const known = statusOf(id, before).tests
      const judgement = await this.judge.judge(job.data, onProgress, superseded.signal, known)
      write({ type: 'done', judgement, at: new Date().toISOString() })
      await written
    } catch (error) {
      await written.catch(() => {})
      if (!superseded.signal.aborted) throw error
    }
  }

  /** BullMQ gives up on it: it was lost too often, or this worker cannot judge it at all. */
  async #giveUp(job: Job<Submission> | undefined, error: Error): Promise<void> {
    if (job?.id === undefined) return
    const attempt = await this.#store.begin(job.id)
    if (attempt === undefined) return
    const judgement = systemFault(`It could not be judged: ${error.message}`)
    await this.#store.append(job.id, attempt, { type: 'done', judgement, at: new Date().toISOString() })
  }
}
