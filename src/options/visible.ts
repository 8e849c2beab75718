// What the process can see: arguments of namespaces(), share(), hostname(), clockOffset(), network().

import { NAMESPACES, type Recipe } from '../recipe.js'
import type { NamespaceName } from '../types.js'
import { parseOffset } from '../units.js'
import { checkKeys, checkText, checkWord, invalid } from '../validate.js'

/** Namespace names, each once, in the order of plans. */
export function parseNamespaces(method: string, names: readonly unknown[]): NamespaceName[] {
  const chosen = names.map((name) => checkWord(method, name, NAMESPACES))
  return NAMESPACES.filter((name) => chosen.includes(name))
}

/** A host name: what `sethostname(2)` takes, and what programs can make sense of. */
export function parseHostname(value: unknown): string {
  const name = checkText('hostname()', value)
  if (!/^[A-Za-z0-9_]([A-Za-z0-9._-]{0,63})$/.test(name)) {
    throw invalid(TypeError, 'hostname()', 'at most 64 letters, digits, dots, hyphens or underscores', value)
  }
  return name
}

/** Clock offsets in milliseconds. */
export function parseClockOffsets(value: unknown): NonNullable<Recipe['clockOffset']> {
  const options = checkKeys('clockOffset()', value, ['monotonic', 'boottime'])
  const offset = (key: string) => (options[key] === undefined ? 0 : parseOffset(`clockOffset().${key}`, options[key]))
  return Object.freeze({ monotonicMs: offset('monotonic'), boottimeMs: offset('boottime') })
}

/** The namespaces after `network(value)`. */
export function withNetwork(namespaces: readonly NamespaceName[], value: unknown): NamespaceName[] {
  const network = checkWord('network()', value, ['none', 'host'])
  return NAMESPACES.filter((name) => (name === 'net' ? network === 'none' : namespaces.includes(name)))
}
