// Sizes and durations as people write them, to bytes and milliseconds.

import { invalid } from './validate.js'

const BINARY: Record<string, number> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const DECIMAL: Record<string, number> = { k: 1e3, m: 1e6, g: 1e9, t: 1e12 }
const DURATION: Record<string, number> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }

const SIZE_EXPECTED = "a size in bytes or as '64KiB', '256MiB', '1.5GiB'"
const DURATION_EXPECTED = "a duration in milliseconds or as '200ms', '1.5s', '2m', '1h'"

/** The longest duration a limit may have: a year. */
export const MAX_DURATION_MS = 365 * 86400e3

function sizeFromText(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?(i?b)?$/i.exec(text.trim())
  if (!match) return Number.NaN
  const prefix = match[2]?.toLowerCase()
  const suffix = match[3]?.toLowerCase()
  if (prefix === undefined) return suffix === 'ib' ? Number.NaN : Number(match[1])
  // 'KB' is 1000, 'KiB' and a bare 'K' are 1024.
  return Number(match[1]) * ((suffix === 'b' ? DECIMAL[prefix] : BINARY[prefix]) as number)
}

/** Bytes of a size, from `min` to 2^53 - 1. */
export function parseBytes(option: string, value: unknown, min = 0): number {
  const expected = `${SIZE_EXPECTED}, at least ${formatBytes(min)}`
  if (typeof value !== 'number' && typeof value !== 'string') throw invalid(TypeError, option, expected, value)
  const bytes = typeof value === 'number' ? value : Math.round(sizeFromText(value))
  if (typeof value === 'string' && Number.isNaN(bytes)) {
    if (/^-/.test(value.trim())) throw invalid(RangeError, option, expected, value)
    throw invalid(TypeError, option, expected, value)
  }
  if (!Number.isSafeInteger(bytes) || bytes < min) throw invalid(RangeError, option, expected, value)
  return bytes
}

/** Bytes of a size, or `'max'` for unlimited. */
export function parseSize(option: string, value: unknown, min = 0): number | 'max' {
  return value === 'max' ? 'max' : parseBytes(option, value, min)
}

function signedDuration(option: string, value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') throw invalid(TypeError, option, DURATION_EXPECTED, value)
  const match = /^(-?\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d)$/i.exec(value.trim())
  if (!match) throw invalid(TypeError, option, DURATION_EXPECTED, value, "A string needs its unit: '1.5s'.")
  return Number(match[1]) * (DURATION[(match[2] as string).toLowerCase()] as number)
}

/** Milliseconds of a duration that is more than zero and at most a year. */
export function parseDuration(option: string, value: unknown): number {
  const ms = signedDuration(option, value)
  if (!(ms > 0 && ms <= MAX_DURATION_MS)) {
    throw invalid(RangeError, option, `${DURATION_EXPECTED}, more than 0 and at most 365 days`, value)
  }
  return ms
}

/** Milliseconds of a duration, or `'max'` for unlimited. */
export function parseLimitDuration(option: string, value: unknown): number | 'max' {
  return value === 'max' ? 'max' : parseDuration(option, value)
}

/** Milliseconds of an offset, which may be negative. */
export function parseOffset(option: string, value: unknown): number {
  const ms = signedDuration(option, value)
  // time_namespaces(7): offsets may not reach KTIME_MAX / 2, about 146 years.
  if (!(Math.abs(ms) <= 100 * MAX_DURATION_MS)) {
    throw invalid(RangeError, option, `${DURATION_EXPECTED}, at most 100 years either way`, value)
  }
  return ms
}

/** `1536` to `'1.5 KiB'`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let amount = bytes
  let unit = 0
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : Number(amount.toFixed(1))} ${units[unit]}`
}

/** `1500` to `'1.5 s'`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(2))} s`
}
