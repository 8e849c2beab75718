// The queue on Redis, as those see it who submit: BullMQ holds what waits, redis-store.ts what has become of it. Judging is
// done by workers (redis-worker.ts), any number of processes on any number of machines.
import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Judge, Submission } from '../engine/judge.js'
import { QueueFullError, type SubmissionEvent, type SubmissionQueue } from './events.js'
import { connect, RedisStore, reaching } from './redis-store.js'

/** Of keys on Redis, and BullMQ's name of the queue. */
export const PREFIX = 'cofferdam-judge'
export const QUEUE = 'submissions'

export class RedisQueue implements SubmissionQueue {
  readonly #redis: Redis
  readonly #store: RedisStore
  readonly #queue: Queue<Submission>

  constructor(
    private readonly judge: Judge,
    url: string,
    private readonly queueLimit: number,
  ) {
    this.#redis = connect(url, false)
    this.#store = new RedisStore(connect(url, false), PREFIX)
    this.#queue = new Queue<Submission>(QUEUE, { connection: this.#redis, prefix: PREFIX })
    this.#queue.on('error', () => {})
  }

  async submit(submission: Submission): Promise<string> {
    this.judge.check(submission)
    const waiting = await reaching(this.#queue.count())
    if (waiting >= this.queueLimit) throw new QueueFullError(`${waiting} submissions wait already.`)
    const id = randomUUID()
    const { problem, language } = submission
    await reaching(this.#store.create(id, { type: 'queued', problem, language, at: new Date().toISOString() }))
    await reaching(this.#queue.add('judge', submission, { jobId: id, removeOnComplete: true, removeOnFail: true }))
    return id
  }

  events(id: string): Promise<readonly SubmissionEvent[] | undefined> {
    return reaching(this.#store.events(id))
  }

  watch(id: string, onChange: () => void): Promise<() => void> {
    return reaching(this.#store.watch(id, onChange))
  }

  /** What waits goes on waiting, and what is judged is judged by others. */
  async close(): Promise<void> {
    await this.#queue.close().catch(() => {})
    await this.#store.close()
    this.#redis.disconnect()
  }
}
