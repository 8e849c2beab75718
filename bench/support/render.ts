// Findings as text: tables for a terminal, and the same as Markdown.
import Table from 'cli-table3'
import type { Check, Table as Figures } from './types.js'

/** Terminals narrower than this break the long cells. */
const NOTE_WIDTH = 110

export function terminalTable({ title, note, columns, rows }: Figures): string {
  const table = new Table({
    head: [...columns],
    colAligns: columns.map((_, column) => alignment(rows, column)),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) table.push([...row])
  return [title, ...(note ? [wrap(note)] : []), table.toString()].join('\n')
}

export function markdownTable({ title, note, columns, rows }: Figures): string {
  const align = columns.map((_, column) => (alignment(rows, column) === 'left' ? '---' : '---:'))
  const lines = [columns, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [`### ${title}`, ...(note ? [note] : []), lines.join('\n')].join('\n\n')
}

export function checksTable(checks: readonly Check[]): Figures {
  const verdict = ({ met }: Check) => (met === undefined ? 'not measured' : met ? 'met' : 'MISSED')
  return {
    title: 'Asked and measured',
    columns: ['asked', 'measured', 'met?'],
    rows: checks.map((check) => [check.asked, check.measured, verdict(check)]),
  }
}

export function ms(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(value < 10 ? 3 : 1)} ms` : ''
}

export function times(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(value < 0.1 ? 3 : 2)}x` : ''
}

/** Figures to the right, words to the left. */
function alignment(rows: Figures['rows'], column: number): 'left' | 'right' {
  return rows.every((row) => /^([-+]?[\d.]|$)/.test(row[column] ?? '')) ? 'right' : 'left'
}

function wrap(text: string): string {
  return text.replace(new RegExp(`(.{1,${NOTE_WIDTH}})(?: |$)`, 'g'), '$1\n').trimEnd()
}
