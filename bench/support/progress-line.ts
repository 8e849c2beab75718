// How a measured process says how far it is: a line on descriptor 3, between measurements only.
import { writeSync } from 'node:fs'

/** Set by the parent where it listens: otherwise descriptor 3 is something else. */
export const PROGRESS_VARIABLE = 'COFFERDAM_BENCH_PROGRESS'

/** The parent wakes up for each, and there may be no processor to spare. */
const LEAST_INTERVAL_MS = 500
let lastMs = Number.NEGATIVE_INFINITY

export function progress(text: string): void {
  const nowMs = performance.now()
  if (!process.env[PROGRESS_VARIABLE] || nowMs - lastMs < LEAST_INTERVAL_MS) return
  lastMs = nowMs
  writeSync(3, `${text}\n`)
}
