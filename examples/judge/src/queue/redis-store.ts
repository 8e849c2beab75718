// Events of submissions on Redis: a list each, written by one attempt at a time.
//
// A worker that is lost (killed, or silent for longer than its lock) has its submission given to another by BullMQ. The old
// one may still be alive, and then two judge the same. So each attempt has a number, and writes only as long as it is the
// newest, by a script that looks and writes in one step; after the last event nobody does. The new attempt goes on from the
// results that are there. To the reader of the list it was judged once.
import { EventEmitter } from 'node:events'
import { Redis } from 'ioredis'
import { QueueLostError, type SubmissionEvent } from './events.js'

/** How long a submission is remembered, in seconds. */
const REMEMBERED_S = 7 * 24 * 3600
const DONE = 'done'

const BEGIN = `
  if redis.call('GET', KEYS[1]) == '${DONE}' then return 0 end
  return redis.call('INCR', KEYS[1])`

const APPEND = `
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
  redis.call('RPUSH', KEYS[1], ARGV[2])
  if ARGV[4] == '${DONE}' then redis.call('SET', KEYS[2], '${DONE}') end
  redis.call('EXPIRE', KEYS[1], ${REMEMBERED_S})
  redis.call('EXPIRE', KEYS[2], ${REMEMBERED_S})
  redis.call('PUBLISH', ARGV[3], ARGV[5])
  return 1`

export class RedisStore {
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #subscriber: Promise<Redis> | undefined

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** The first event, before anybody judges it. */
  async create(id: string, event: SubmissionEvent): Promise<void> {
    await this.redis.multi().rpush(this.#list(id), JSON.stringify(event)).expire(this.#list(id), REMEMBERED_S).exec()
  }

  /** A new attempt's number; `undefined` when all is done. */
  async begin(id: string): Promise<number | undefined> {
    return Number(await this.redis.eval(BEGIN, 1, this.#attempt(id))) || undefined
  }

  /** Whether it was written: not when another attempt has begun. */
  async append(id: string, attempt: number, event: SubmissionEvent): Promise<boolean> {
    const keys = [this.#list(id), this.#attempt(id)] as const
    const values = [attempt, JSON.stringify(event), this.#channel, event.type, id] as const
    return (await this.redis.eval(APPEND, keys.length, ...keys, ...values)) === 1
  }

  async events(id: string): Promise<SubmissionEvent[] | undefined> {
    const events = await this.redis.lrange(this.#list(id), 0, -1)
    return events.length > 0 ? events.map((event) => JSON.parse(event)) : undefined
  }

  /** Calls `onChange` after each event that anybody appends to it. */
  async watch(id: string, onChange: () => void): Promise<() => void> {
    this.#subscriber ??= this.#subscribe()
    await this.#subscriber
    this.#changes.on(id, onChange)
    return () => this.#changes.off(id, onChange)
  }

  async close(): Promise<void> {
    const subscriber = await this.#subscriber?.catch(() => undefined)
    subscriber?.disconnect()
    this.redis.disconnect()
  }

  async #subscribe(): Promise<Redis> {
    const subscriber = this.redis.duplicate()
    subscriber.on('error', () => {})
    subscriber.on('message', (_channel, id: string) => this.#changes.emit(id))
    await subscriber.subscribe(this.#channel)
    return subscriber
  }

  get #channel(): string {
    return `${this.prefix}:changes`
  }

  // The braces keep both keys of a submission on one node of a cluster.
  #list(id: string): string {
    return `${this.prefix}:{${id}}:events`
  }

  #attempt(id: string): string {
    return `${this.prefix}:{${id}}:attempt`
  }
}

/**
 * A connection. It connects again by itself for as long as it takes.
 *
 * @param patient whether commands wait for that as well, as workers must; otherwise they soon fail
 */
export function connect(url: string, patient: boolean): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: patient ? null : 2, connectTimeout: 5000 })
  // Each command says so as well.
  redis.on('error', () => {})
  return redis
}

/** Whatever went wrong is that Redis does not answer. */
export async function reaching<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new QueueLostError(`The queue on Redis cannot be reached: ${(error as Error).message}`)
  }
}
