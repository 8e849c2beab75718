// The confusion table: a row for each verdict that submissions must get, a column for each that they got.
import { VERDICTS, type Verdict } from '../src/engine/verdict.js'

export interface Judged {
  expected: Verdict
  received: Verdict
}

export function confusionTable(judged: readonly Judged[]): string {
  const count = (expected: Verdict, received: Verdict) =>
    judged.filter((one) => one.expected === expected && one.received === received).length
  const line = (head: string, cells: readonly string[]) =>
    `${head.padEnd(12)}${cells.map((cell) => cell.padStart(5)).join('')}`
  const rows = VERDICTS.map((expected) =>
    line(
      expected,
      VERDICTS.map((received) => String(count(expected, received) || '.')),
    ),
  )
  return [line('must \\ is', VERDICTS), ...rows].join('\n')
}

export function isDiagonal(judged: readonly Judged[]): boolean {
  return judged.every(({ expected, received }) => expected === received)
}
