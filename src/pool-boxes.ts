// The boxes of a pool: some wait already booted, each is taken for a job, and what is taken is made up for in the
// background. A box that died while it waited is passed over; one that cannot be made stops the making, until a job has
// made one itself: so a recipe that fails tells every job why, and nothing spins.

import type { Box } from './box.js'
import { endedError } from './errors.js'

/** How long a job may run before the box that it has taken is replaced: making one would hold up its start. */
const REFILL_DELAY_MS = 5

interface Entry {
  readonly opening: Promise<Box>
  box?: Box
}

/** Where a pool takes boxes from, and where it puts them. */
export class PoolBoxes {
  readonly #open: (signal?: AbortSignal) => Promise<Box>
  readonly #warm: number
  readonly #comeBack: boolean
  readonly #entries: Entry[] = []
  /** All that are open, taken or not. */
  readonly #boxes = new Set<Box>()
  readonly #openings = new Set<Promise<Box>>()
  #taken = 0
  #failing = false
  #closed = false

  /** `comeBack`: boxes that are taken are given back, and need not be replaced meanwhile. */
  constructor(open: (signal?: AbortSignal) => Promise<Box>, warm: number, comeBack: boolean) {
    this.#open = open
    this.#warm = warm
    this.#comeBack = comeBack
    this.refill()
  }

  get #coming(): number {
    return this.#comeBack ? this.#taken : 0
  }

  /** How many boxes wait, booted. */
  get ready(): number {
    return this.#entries.filter(({ box }) => box && isAlive(box)).length
  }

  /** Makes as many boxes as are missing. */
  refill(): void {
    while (!this.#closed && !this.#failing && this.#entries.length + this.#coming < this.#warm) {
      const entry: Entry = { opening: this.#make() }
      this.#entries.push(entry)
      entry.opening.then(
        (box) => {
          entry.box = box
        },
        () => {
          this.#failing = true
          this.#remove(entry)
        },
      )
    }
  }

  /**
   * The same a moment later; the function that is returned does it as soon as whoever has waited for the job's result has
   * gone on.
   */
  refillSoon(): () => void {
    if (this.#warm === 0) return () => {}
    const timer = setTimeout(() => this.refill(), REFILL_DELAY_MS)
    timer.unref()
    return () => {
      clearTimeout(timer)
      setImmediate(() => this.refill())
    }
  }

  /**
   * A box for one job: one that is ready, else the next that is being made, else one made for it.
   *
   * @throws what open() throws; the signal's reason when it fires
   */
  async take(signal: AbortSignal | undefined): Promise<Box> {
    this.#taken++ // from now on, so that nobody replaces what is being waited for
    try {
      return await this.#find(signal)
    } catch (error) {
      this.#taken--
      throw error
    }
  }

  async #find(signal: AbortSignal | undefined): Promise<Box> {
    for (;;) {
      const entry = this.#entries.find(({ box }) => box) ?? this.#entries[0]
      if (!entry) break
      this.#remove(entry)
      const box = entry.box ?? (await this.#wait(entry, signal))
      if (isAlive(box)) return box
      this.#drop(box)
    }
    const box = await this.#make(signal)
    this.#failing = false
    return box
  }

  async #wait(entry: Entry, signal: AbortSignal | undefined): Promise<Box> {
    if (!signal) return entry.opening
    let stop = () => {}
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
    try {
      return await Promise.race([entry.opening, aborted])
    } catch (error) {
      // What has not been used is there for the next.
      if (signal.aborted) entry.opening.then((box) => this.#keep(box)).catch(() => {})
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async #make(signal?: AbortSignal): Promise<Box> {
    const opening = this.#open(signal)
    this.#openings.add(opening)
    try {
      const box = await opening
      // A pool that waits for work keeps nothing alive: its jobs do that.
      box.unref()
      this.#boxes.add(box)
      if (!this.#closed) return box
      await this.#drop(box)
      throw endedError('The job')
    } finally {
      this.#openings.delete(opening)
    }
  }

  #remove(entry: Entry): void {
    const at = this.#entries.indexOf(entry)
    if (at >= 0) this.#entries.splice(at, 1)
  }

  /** Puts a box back that is as good as new; with enough of them it is closed instead. */
  giveBack(box: Box): void {
    this.#taken--
    this.#keep(box)
  }

  #keep(box: Box): void {
    if (this.#closed || !box.live || this.#entries.length >= Math.max(1, this.#warm)) this.#drop(box)
    else this.#entries.unshift({ opening: Promise.resolve(box), box })
  }

  /** Closes a box that has been used, once whoever has waited for the job's result has gone on. */
  discard(box: Box): void {
    this.#taken--
    setImmediate(() => this.#drop(box))
  }

  async #drop(box: Box): Promise<void> {
    await box.close()
    this.#boxes.delete(box)
  }

  /** Closes all of them, taken or not, and waits. */
  async close(): Promise<void> {
    this.#closed = true
    this.#entries.length = 0
    await Promise.allSettled([...this.#openings])
    await Promise.all([...this.#boxes].map((box) => this.#drop(box)))
  }
}

// The news of its end may not have come here yet, but the kernel knows. Another user's process is alive, too.
function isAlive(box: Box): boolean {
  if (!box.live) return false
  try {
    return process.kill(box.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
