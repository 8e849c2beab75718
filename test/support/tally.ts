// The machine-readable report that a test file's process (suite.ts) leaves for the runner (run.ts): one JSON object per
// line, appended at once, so that what had happened is known also when the process dies.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export type TestStatus = 'passed' | 'failed' | 'skipped'

export type TallyEvent =
  | { event: 'declared'; test: string }
  | { event: 'finished'; test: string; status: TestStatus; durationMs: number; reason?: string }
  /** Neither declared nor run: its subject is of another kind of host (kinds.ts). */
  | { event: 'inapplicable'; test: string; reason: string }
  /** Something failed that is no test's: the process did not end by itself, say. */
  | { event: 'broken'; reason: string }

/** Appends to the runner's report; a file that is run on its own has none. */
export function record(event: TallyEvent): void {
  const path = process.env.COFFERDAM_TALLY
  if (path) appendFileSync(path, `${JSON.stringify(event)}\n`)
}

export function readTally(path: string): TallyEvent[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}
