// The one shape of a refusal ("Expected X for Y but received Z") and the primitive checks every option goes through.

import { posix } from 'node:path'
import { inspect } from 'node:util'

/** `code` of every `TypeError` and `RangeError` that a bad option causes. */
export const INVALID_OPTION = 'ERR_SANDBOX_INVALID_OPTION'

type ErrorKind = TypeErrorConstructor | RangeErrorConstructor

/** A value as a message shows it: on one line, cut where it would be tedious. */
export function show(value: unknown): string {
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 5,
    maxStringLength: 60,
  })
  return text.length > 100 ? `${text.slice(0, 97)}...` : text
}

/** What a refusal is made of. */
export interface Refused {
  readonly option: string
  readonly expected: string
  readonly received: unknown
  /** A sentence of its own, or "". */
  readonly remedy: string
}

// Kept beside the errors, not on them: their message is what is promised.
const refusals = new WeakMap<Error, Refused>()

/** What an error of {@link invalid} was made of: the command line says it with the name of its flag. */
export function refusedBy(error: Error): Refused | undefined {
  return refusals.get(error)
}

/** The error for a bad value; the caller throws it. `remedy` is a sentence of its own. */
export function invalid(Kind: ErrorKind, option: string, expected: string, received: unknown, remedy = ''): Error {
  const message = `Expected ${expected} for ${option} but received ${show(received)}.${remedy ? ` ${remedy}` : ''}`
  const error = Object.assign(new Kind(message), { code: INVALID_OPTION })
  refusals.set(error, { option, expected, received, remedy })
  return error
}

/** The error for two options that exclude one another; the caller throws it. */
export function contradiction(message: string): Error {
  return Object.assign(new TypeError(message), { code: INVALID_OPTION })
}

// Damerau-Levenshtein: what is inserted, left out, replaced, or swapped with its neighbour.
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(replaced, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1))
    }
  }
  return at(a.length, b.length)
}

/** The known word that was probably meant, or `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const apart = other.startsWith(wanted) && wanted.length > 2 ? 1 : distance(wanted, other)
    if (apart < bestDistance) {
      best = candidate
      bestDistance = apart
    }
  }
  return best
}

/** "Did you mean 'x'?" or "". */
export function didYouMean(word: unknown, known: readonly string[]): string {
  const match = typeof word === 'string' ? nearest(word, known) : undefined
  return match === undefined ? '' : `Did you mean '${match}'?`
}

/** One of a closed list of words. */
export function checkWord<T extends string>(option: string, value: unknown, known: readonly T[]): T {
  if (typeof value === 'string' && (known as readonly string[]).includes(value)) return value as T
  const list = known.map((word) => `'${word}'`).join(', ')
  throw invalid(TypeError, option, `one of ${list}`, value, didYouMean(value, known))
}

/** An options object without unknown keys; what is read is returned as a record. */
export function checkKeys(option: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(TypeError, option, 'an object', value)
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const remedy = didYouMean(key, known) || `Known options: ${known.join(', ')}.`
    throw invalid(TypeError, option, 'known options only', key, remedy)
  }
  return value as Record<string, unknown>
}

/** A string without NUL, which no kernel interface can carry; empty only when allowed. */
export function checkText(option: string, value: unknown, { empty = false } = {}): string {
  if (typeof value !== 'string') throw invalid(TypeError, option, 'a string', value)
  if (!empty && value === '') throw invalid(TypeError, option, 'a non-empty string', value)
  if (value.includes('\0')) throw invalid(TypeError, option, 'a string without NUL bytes', value)
  return value
}

/** An integer from `min` to `max`. */
export function checkInteger(option: string, value: unknown, min: number, max: number, remedy = ''): number {
  if (typeof value !== 'number') throw invalid(TypeError, option, `an integer from ${min} to ${max}`, value, remedy)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(RangeError, option, `an integer from ${min} to ${max}`, value, remedy)
  }
  return value
}

/** A boolean, or the default when the option is unset. */
export function checkBoolean(option: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value !== 'boolean') throw invalid(TypeError, option, 'a boolean', value)
  return value
}

/** Permission bits, or the default when the option is unset. */
export function checkMode(option: string, value: unknown, otherwise: number): number {
  return value === undefined ? otherwise : checkInteger(option, value, 0, 0o7777, 'Write it in octal, as 0o755.')
}

/** An absolute path; doubled and trailing slashes are dropped, `..` is refused. */
export function checkAbsolute(option: string, value: unknown): string {
  const path = checkText(option, value)
  if (!path.startsWith('/')) {
    throw invalid(TypeError, option, 'an absolute path', value, 'Paths inside the sandbox start with a slash.')
  }
  if (path.split('/').includes('..')) throw invalid(TypeError, option, "a path without '..'", value)
  const plain = posix.normalize(path)
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
}

/** An absolute path inside the sandbox that something can be put at: anything but `/` itself. */
export function checkTarget(option: string, value: unknown): string {
  const path = checkAbsolute(option, value)
  if (path === '/') throw invalid(TypeError, option, "a path below '/'", value, 'The root itself is set with rootfs().')
  return path
}
