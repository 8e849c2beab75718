// The argument of landlock(): rules by path, by port, and scopes.

import { SCOPES } from '../landlock/rights.js'
import type { LandlockRecipe } from '../recipe.js'
import { checkAbsolute, checkInteger, checkKeys, checkWord, contradiction, invalid } from '../validate.js'

const PATHS = ['read', 'write', 'execute', 'ioctl'] as const
const PORTS = { connectTcp: 1, bindTcp: 0 } as const
const KEYS = [...PATHS, 'truncate', ...Object.keys(PORTS), 'scope']
const MAX_PORT = 65_535
/** PATH_MAX of `<linux/limits.h>`, without the NUL. */
const MAX_PATH = 4095

function list(option: string, value: unknown, of: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw invalid(TypeError, option, `an array of ${of}`, value, 'An empty array means that nothing is allowed.')
}

function parsePath(option: string, value: unknown): string {
  const path = checkAbsolute(option, value)
  if (Buffer.byteLength(path) > MAX_PATH)
    throw invalid(RangeError, option, `a path of at most ${MAX_PATH} bytes`, value)
  // They are resolved before there is a command: they would be those of the sandbox's init.
  if (/^\/proc\/(self|thread-self|\d+)(\/|$)/.test(path)) {
    throw invalid(TypeError, option, 'a path that is no single process', value, "Use '/proc'.")
  }
  return path
}

function each<T>(
  option: string,
  values: readonly unknown[],
  parse: (option: string, value: unknown) => T,
): readonly T[] {
  return Object.freeze([...new Set(Array.from(values, (value, i) => parse(`${option}[${i}]`, value)))])
}

/** What `landlock()` was given. */
export function parseLandlock(value: unknown): LandlockRecipe {
  const rules = checkKeys('landlock()', value, KEYS)
  const parsed: Record<string, unknown> = {}
  const take = (key: string, parse: (option: string, given: unknown) => unknown) => {
    if (rules[key] !== undefined) parsed[key] = parse(`landlock().${key}`, rules[key])
  }
  for (const key of PATHS) take(key, (option, given) => each(option, list(option, given, 'absolute paths'), parsePath))
  for (const [key, least] of Object.entries(PORTS)) {
    take(key, (option, given) =>
      each(option, list(option, given, 'port numbers'), (place, port) => checkInteger(place, port, least, MAX_PORT)),
    )
  }
  take('scope', (option, given) =>
    each(option, list(option, given, 'scopes'), (place, scope) => checkWord(place, scope, SCOPES)),
  )
  take('truncate', (option, given) => checkWord(option, given, ['write', 'unrestricted']))
  if (parsed.truncate !== undefined && parsed.write === undefined) {
    throw contradiction('landlock({ truncate }) is about where `write` permits to write: give both, or neither.')
  }
  if ((parsed as LandlockRecipe).scope?.length === 0) delete parsed.scope
  if (Object.keys(parsed).length === 0) {
    throw invalid(
      TypeError,
      'landlock()',
      `at least one of ${KEYS.join(', ')}`,
      value,
      'A rule restricts; no rule does not.',
    )
  }
  return Object.freeze(parsed)
}
