// The queue that needs nothing: in this process, with p-queue. Submissions wait here, so many are judged at once, and so
// many of those that are done are remembered. They go with the process.
import { randomUUID } from 'node:crypto'
import { EventEmitter, setMaxListeners } from 'node:events'
import type PQueue from 'p-queue'
import type { Judge, Submission } from '../engine/judge.js'
import { eventOf, QueueFullError, type SubmissionEvent, type SubmissionQueue } from './events.js'

export class EmbeddedQueue implements SubmissionQueue {
  readonly #events = new Map<string, SubmissionEvent[]>()
  readonly #changes = new EventEmitter().setMaxListeners(0)
  readonly #stop = new AbortController()
  readonly #running = new Set<Promise<void>>()

  /**
   * @param queue shared with everything else that this machine is asked to run
   * @param queueLimit how many may wait
   * @param remembered how many that are done are kept
   */
  constructor(
    private readonly judge: Judge,
    private readonly queue: PQueue,
    private readonly queueLimit: number,
    private readonly remembered = 10_000,
  ) {
    // Each submission that waits is a listener.
    setMaxListeners(0, this.#stop.signal)
  }

  async submit(submission: Submission): Promise<string> {
    this.judge.check(submission)
    if (this.queue.size >= this.queueLimit) throw new QueueFullError(`${this.queue.size} submissions wait already.`)
    const id = randomUUID()
    this.#events.set(id, [])
    const { problem, language } = submission
    this.#add(id, { type: 'queued', problem, language, at: new Date().toISOString() })
    const job = this.queue.add(() => this.#judge(id, submission), { signal: this.#stop.signal })
    const settled: Promise<void> = job.then(
      () => {},
      () => {},
    )
    this.#running.add(settled)
    settled.then(() => this.#running.delete(settled))
    return id
  }

  async events(id: string): Promise<readonly SubmissionEvent[] | undefined> {
    return this.#events.get(id)
  }

  async watch(id: string, onChange: () => void): Promise<() => void> {
    this.#changes.on(id, onChange)
    return () => this.#changes.off(id, onChange)
  }

  /** Gives up what waits and what runs. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('The judge is closing.'))
    await Promise.all(this.#running)
  }

  async #judge(id: string, submission: Submission): Promise<void> {
    const judgement = await this.judge.judge(
      submission,
      (progress) => this.#add(id, eventOf(progress)),
      this.#stop.signal,
    )
    this.#add(id, { type: 'done', judgement, at: new Date().toISOString() })
    this.#forget()
  }

  #add(id: string, event: SubmissionEvent): void {
    this.#events.get(id)?.push(event)
    this.#changes.emit(id)
  }

  /** The oldest of those that are done. A map has them in the order in which they came. */
  #forget(): void {
    let excess = this.#events.size - this.remembered
    for (const [id, events] of this.#events) {
      if (excess <= 0) return
      if (events.at(-1)?.type !== 'done') continue
      this.#events.delete(id)
      excess -= 1
    }
  }
}
