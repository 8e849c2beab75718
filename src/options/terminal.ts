// The option `pty` of spawn(), and what resize() takes: a terminal's size.

import type { PtySize, SpawnOptions } from '../types.js'
import { checkInteger, checkKeys, contradiction, invalid, show } from '../validate.js'

// struct winsize of <asm-generic/termios.h> has 16 bits for each; 0 would mean that nobody knows.
const MAX_CELLS = 65535
const DEFAULT_SIZE = { cols: 80, rows: 24 } as const

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** A size; `before` is what holds for what is left out. */
export function parseSize(option: string, value: unknown, before: PtySize): TerminalSize {
  const { cols = before.cols, rows = before.rows } = checkKeys(option, value, ['cols', 'rows'])
  return {
    columns: checkInteger(`${option} cols`, cols, 1, MAX_CELLS),
    rows: checkInteger(`${option} rows`, rows, 1, MAX_CELLS),
  }
}

/** The terminal that is asked for, or `undefined`. */
export function parsePty(options: SpawnOptions): TerminalSize | undefined {
  const { pty } = options
  if (pty === undefined || pty === false) return undefined
  if (pty !== true && (typeof pty !== 'object' || pty === null || Array.isArray(pty))) {
    throw invalid(TypeError, 'spawn() pty', 'true, false, or { cols, rows }', pty)
  }
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    if (options[name] === undefined) continue
    throw contradiction(
      `Expected no ${name} beside pty for spawn() but received ${name}: ${show(options[name])}. A terminal is stdin, stdout and ` +
        `stderr at once: leave ${name} out, or pty.`,
    )
  }
  return parseSize('spawn() pty', pty === true ? {} : pty, DEFAULT_SIZE)
}

/** @throws TypeError where a terminal is asked for and nobody could use it */
export function refusePty(method: string, options: unknown): void {
  if (typeof options !== 'object' || options === null || !('pty' in options)) return
  throw invalid(
    TypeError,
    `${method} options`,
    'no pty',
    options.pty,
    `${method} feeds a program and gathers its output, which needs no terminal: use spawn().`,
  )
}
