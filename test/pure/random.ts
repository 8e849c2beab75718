// Numbers that look random and come again with the same seed, so that what failed once can be looked at.

/** mulberry32: a generator of 32 bits of state; `below(n)` is 0 to n - 1. */
export class Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = seed >>> 0
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }
}

/** A seed for this run: `COFFERDAM_SEED`, or a new one; tests print it when they fail. */
export function seed(): number {
  const given = process.env.COFFERDAM_SEED
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)
}
