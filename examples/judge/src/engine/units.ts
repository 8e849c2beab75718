// Sizes and durations of problem.json, in the units that the sandbox uses: '64MiB', '1.5s', or plain bytes and milliseconds.
import type { Fields } from './fields.js'

const SIZES: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const DURATIONS: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

/** Bytes; at least 64 KiB, which is what a limit on memory has to be. */
export function readSize(fields: Fields, name: string, fallback: string): number {
  return read(fields, name, fallback, SIZES, "a size from '64KiB' to '64GiB'", 2 ** 16, 2 ** 36)
}

/** Milliseconds. */
export function readDuration(fields: Fields, name: string, fallback: string): number {
  return read(fields, name, fallback, DURATIONS, "a duration from '10ms' to '10m'", 10, 600_000)
}

function read(
  fields: Fields,
  name: string,
  fallback: string,
  units: Record<string, number>,
  expected: string,
  minimum: number,
  maximum: number,
): number {
  const text = fields.text(name, fallback)
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? []
  const value = Number(amount) * (Object.hasOwn(units, unit) ? (units[unit] ?? Number.NaN) : Number.NaN)
  return value >= minimum && value <= maximum ? Math.round(value) : fields.fail(name, expected, text)
}
