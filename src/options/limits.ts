// What the process can use: arguments of limits(), priority(), measure().

import type { LimitsRecipe, PriorityRecipe } from '../recipe.js'
import type { Figure } from '../types.js'
import { parseLimitDuration, parseSize } from '../units.js'
import { checkBoolean, checkInteger, checkKeys, checkWord, invalid } from '../validate.js'
import { parseIoLimits } from './io.js'

const MIN_MEMORY = 64 * 1024
const MAX_PIDS = 4194304
const MAX_CORES = 4096
// Linux 6.x: fs.nr_open's default; no process may have more.
const MAX_OPEN_FILES = 1048576
const MAX_CPU = 8191

type Parser = (option: string, value: unknown) => unknown

function cores(option: string, value: unknown): number | 'max' {
  if (value === 'max') return 'max'
  const expected = `a number of cores from 0.01 to ${MAX_CORES}, or 'max'`
  if (typeof value !== 'number') throw invalid(TypeError, option, expected, value)
  if (!(value >= 0.01 && value <= MAX_CORES)) throw invalid(RangeError, option, expected, value, '0.5 is half a core.')
  return value
}

/** `'0-2,4'` or `[0, 1, 2, 4]` to sorted CPU numbers, each once. */
function cpus(option: string, value: unknown): readonly number[] | 'max' {
  if (value === 'max') return 'max'
  const expected = "CPU numbers as '0-3,8' or [0, 1, 2]"
  const found = new Set<number>()
  if (Array.isArray(value)) for (const cpu of value) found.add(checkInteger(option, cpu, 0, MAX_CPU))
  else if (typeof value === 'string') {
    for (const part of value.split(',')) {
      const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part)
      if (!match) throw invalid(TypeError, option, expected, value)
      const first = checkInteger(option, Number(match[1]), 0, MAX_CPU)
      const last = match[2] === undefined ? first : checkInteger(option, Number(match[2]), 0, MAX_CPU)
      if (last < first) throw invalid(RangeError, option, expected, value, 'A range goes from low to high.')
      for (let cpu = first; cpu <= last; cpu++) found.add(cpu)
    }
  } else throw invalid(TypeError, option, expected, value)
  if (found.size === 0) throw invalid(TypeError, option, `${expected}, at least one`, value)
  return Object.freeze([...found].sort((a, b) => a - b))
}

const LIMITS: Record<string, readonly [name: keyof LimitsRecipe, parse: Parser]> = {
  cpu: ['cpu', cores],
  cpuTime: ['cpuTimeMs', parseLimitDuration],
  wallTime: ['wallTimeMs', parseLimitDuration],
  memory: ['memoryBytes', (option, value) => parseSize(option, value, MIN_MEMORY)],
  memoryHigh: ['memoryHighBytes', (option, value) => parseSize(option, value, MIN_MEMORY)],
  oomGroup: ['oomGroup', (option, value) => checkBoolean(option, value, false)],
  swap: ['swapBytes', (option, value) => parseSize(option, value)],
  pids: ['pids', (option, value) => (value === 'max' ? value : checkInteger(option, value, 1, MAX_PIDS))],
  openFiles: ['openFiles', (option, value) => checkInteger(option, value, 1, MAX_OPEN_FILES)],
  fileSize: ['fileSizeBytes', (option, value) => parseSize(option, value)],
  stack: ['stackBytes', (option, value) => parseSize(option, value, 65536)],
  core: ['coreBytes', (option, value) => parseSize(option, value)],
  output: ['outputBytes', (option, value) => parseSize(option, value)],
  io: ['io', parseIoLimits],
  cpuset: ['cpuset', cpus],
}

const WEIGHT: Parser = (option, value) => checkInteger(option, value, 1, 10000, '100 is the usual weight.')
const PRIORITIES: Record<string, readonly [name: keyof PriorityRecipe, parse: Parser]> = {
  cpuWeight: ['cpuWeight', WEIGHT],
  ioWeight: ['ioWeight', WEIGHT],
  nice: ['nice', (option, value) => checkInteger(option, value, -20, 19)],
}

function parseTable<T>(method: string, value: unknown, table: Record<string, readonly [keyof T, Parser]>): T {
  const given = checkKeys(method, value, Object.keys(table))
  const parsed: Partial<Record<keyof T, unknown>> = {}
  for (const [key, limit] of Object.entries(given)) {
    if (limit === undefined) continue
    const [name, parse] = table[key] as readonly [keyof T, Parser]
    parsed[name] = parse(`${method}.${key}`, limit)
  }
  return parsed as T
}

/** Limits in bytes and milliseconds; keys that are unset stay unset. */
export function parseLimits(value: unknown): LimitsRecipe {
  return parseTable<LimitsRecipe>('limits()', value, LIMITS)
}

/** Priorities; keys that are unset stay unset. */
export function parsePriority(value: unknown): PriorityRecipe {
  return parseTable<PriorityRecipe>('priority()', value, PRIORITIES)
}

const LIVE = ['cpu', 'memory', 'memoryHigh', 'oomGroup', 'swap', 'pids', 'cpuset', 'io']
const LIVE_WEIGHTS = ['cpuWeight', 'ioWeight']

/** What `setLimits()` accepts: the limits and weights that cgroups enforce. */
export function parseLiveLimits(value: unknown): { limits: LimitsRecipe; priority: PriorityRecipe } {
  const given = checkKeys('setLimits()', value, [...LIVE, ...LIVE_WEIGHTS])
  const pick = (keys: readonly string[]) =>
    Object.fromEntries(Object.entries(given).filter(([key]) => keys.includes(key)))
  return {
    limits: parseTable<LimitsRecipe>('setLimits()', pick(LIVE), LIMITS),
    priority: parseTable<PriorityRecipe>('setLimits()', pick(LIVE_WEIGHTS), PRIORITIES),
  }
}

/** Figures that were asked for, each once. */
export function parseFigures(figures: readonly unknown[]): Figure[] {
  const known: readonly Figure[] = ['memory', 'pids', 'io']
  const chosen = figures.map((figure) => checkWord('measure()', figure, known))
  return known.filter((figure) => chosen.includes(figure))
}
