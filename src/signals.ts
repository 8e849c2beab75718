// Signals by name and number (signal(7)), and what a wait status says about them.

import { constants } from 'node:os'
import { didYouMean, invalid } from './validate.js'

const NUMBERS = constants.signals as Record<string, number>
const NAMES = new Map<number, string>()
// Several names have one number (SIGIOT is SIGABRT, SIGPOLL is SIGIO): the first is the usual one.
for (const [name, number] of Object.entries(NUMBERS)) {
  if (!NAMES.has(number) && name !== 'SIGIOT' && name !== 'SIGPOLL') NAMES.set(number, name)
}

const FIRST_REALTIME = 34
const LAST_SIGNAL = 64

/** The name of a signal: `'SIGKILL'`, `'SIGRTMIN+3'`. */
export function signalName(number: number): string {
  return NAMES.get(number) ?? (number >= FIRST_REALTIME ? `SIGRTMIN+${number - FIRST_REALTIME}` : `SIG${number}`)
}

/** The number of a signal that `kill()` was given. */
export function parseSignal(value: unknown): number {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value <= LAST_SIGNAL) return value
    throw invalid(RangeError, 'kill() signal', `a number from 0 to ${LAST_SIGNAL}`, value)
  }
  const number = typeof value === 'string' && Object.hasOwn(NUMBERS, value) ? NUMBERS[value] : undefined
  if (number !== undefined) return number
  throw invalid(
    TypeError,
    'kill() signal',
    "a signal such as 'SIGTERM'",
    value,
    didYouMean(value, Object.keys(NUMBERS)),
  )
}

/** How a command ended, from `wait(2)`'s status. */
export function parseStatus(status: number): { exitCode: number | undefined; signal: string | undefined } {
  const number = status & 0x7f
  return number === 0
    ? { exitCode: (status >> 8) & 0xff, signal: undefined }
    : { exitCode: undefined, signal: signalName(number) }
}
