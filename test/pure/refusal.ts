// What a refused value got to hear.

export interface Refusal {
  /** `'TypeError'` or `'RangeError'`. */
  kind: string
  code: unknown
  message: string
}

/** Runs what must throw, and gives back what it threw. */
export function refusal(action: () => unknown): Refusal {
  try {
    action()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { kind: error.name, code: 'code' in error ? error.code : undefined, message: error.message }
  }
  throw new Error('Expected a refusal, but nothing was thrown')
}
