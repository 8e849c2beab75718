// The table at the end of the demo.
import Table from 'cli-table3'
import type { Judgement } from './judge.js'
import type { Submission } from './submissions.js'

/** One submission and what became of it; no judgement means that the host could not run it at all. */
export interface Row {
  submission: Submission
  judgement?: Judgement
}

export function renderTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['submission', 'verdict', 'expected', 'CPU', 'wall', 'peak memory', ''],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  })
  for (const { submission, judgement } of rows) {
    table.push([
      submission.name,
      judgement?.verdict ?? 'skipped',
      submission.expected,
      time(judgement?.cpuTimeMs),
      time(judgement?.wallTimeMs),
      memory(judgement?.memoryPeakBytes),
      judgement ? (judgement.verdict === submission.expected ? '✔' : '✖') : '',
    ])
  }
  return table.toString()
}

function time(ms: number | undefined): string {
  if (ms === undefined) return ''
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`
}

function memory(bytes: number | undefined): string {
  if (bytes === undefined) return ''
  return bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`
}
