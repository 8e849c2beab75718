// Options of SandboxPool and of its jobs.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Sandbox } from '../sandbox.js'
import type { SandboxPoolOptions } from '../types.js'
import { parseDuration } from '../units.js'
import { checkBoolean, checkInteger, checkKeys, invalid } from '../validate.js'

const MAX_CONCURRENCY = 10_000
const MAX_QUEUE = 10_000_000
/**
 * Descriptors of this process for a box that waits (channel, pidfd, network namespace, a figure and the streams of its
 * next command), and for one that works.
 */
const DESCRIPTORS_WAITING = 9
const DESCRIPTORS_WORKING = 12
/** What Node itself and the addon's threads have open. */
const DESCRIPTORS_OF_NODE = 48

/** Options of a pool after validation. */
export interface PoolSettings {
  readonly recipe: Sandbox
  readonly concurrency: number
  readonly warm: number
  readonly reuse: boolean
  readonly queueLimit: number
}

/** Options of a job that are the pool's own, and those that are the command's. */
export interface JobOptions {
  readonly priority: number
  readonly timeoutMs: number | undefined
  readonly rest: Record<string, unknown> | undefined
}

const PLAIN_JOB: JobOptions = Object.freeze({ priority: 0, timeoutMs: undefined, rest: undefined })

function number(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text)
}

function fileNumber(path: string): number {
  try {
    return number(readFileSync(path, 'utf8').trim())
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

// The soft limit of this process (proc_pid_limits(5)).
function processLimit(name: string): number {
  try {
    const row = new RegExp(`^${name} +(\\S+)`, 'm').exec(readFileSync('/proc/self/limits', 'utf8'))
    return number(row?.[1])
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** How many boxes may wait on this host beside so many that work, and what it is that allows no more. */
export function warmLimit(recipe: Sandbox, concurrency: number): { count: number; why: string } {
  const files = processLimit('Max open files')
  const limits = [
    {
      count: Math.floor((files - DESCRIPTORS_OF_NODE - concurrency * DESCRIPTORS_WORKING) / DESCRIPTORS_WAITING),
      why: `this process may have ${files} open descriptors (ulimit -n), and ${concurrency} jobs need some, too`,
    },
    { count: fileNumber('/proc/sys/kernel/pid_max') - concurrency, why: 'of kernel.pid_max' },
    ...recipe.plan().namespaces.map((name) => {
      const file = name === 'mount' ? 'mnt' : name
      return {
        count: fileNumber(`/proc/sys/user/max_${file}_namespaces`) - concurrency,
        why: `of user.max_${file}_namespaces`,
      }
    }),
  ]
  return limits.reduce((least, limit) => (limit.count < least.count ? limit : least))
}

/** Options of `new SandboxPool()`. */
export function parsePoolOptions(value: unknown): PoolSettings {
  const known = ['recipe', 'concurrency', 'warm', 'reuse', 'queueLimit']
  const options = checkKeys('SandboxPool options', value, known) as Partial<SandboxPoolOptions>
  const { recipe } = options
  if (!(recipe instanceof Sandbox)) {
    throw invalid(TypeError, 'SandboxPool recipe', 'a recipe', recipe, 'Make one with sandbox().')
  }
  const concurrency = checkInteger(
    'SandboxPool concurrency',
    options.concurrency ?? availableParallelism(),
    1,
    MAX_CONCURRENCY,
  )
  const { count, why } = warmLimit(recipe, concurrency)
  const most = Math.max(0, count)
  const warm = options.warm ?? Math.min(concurrency, most)
  return {
    recipe,
    concurrency,
    warm: checkInteger('SandboxPool warm', warm, 0, most, `More boxes cannot wait on this host: ${why}.`),
    reuse: checkBoolean('SandboxPool reuse', options.reuse, false),
    queueLimit: checkInteger('SandboxPool queueLimit', options.queueLimit ?? 1000, 0, MAX_QUEUE),
  }
}

/** The pool's own options of a job; the others are left for the command. */
export function parseJobOptions(method: string, value: unknown): JobOptions {
  if (value === undefined) return PLAIN_JOB
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(TypeError, `${method} options`, 'an object', value)
  }
  const { priority, timeout, ...rest } = value as Record<string, unknown>
  if (priority !== undefined && !Number.isFinite(priority)) {
    throw invalid(TypeError, `${method} priority`, 'a finite number', priority)
  }
  return {
    priority: (priority as number | undefined) ?? 0,
    timeoutMs: timeout === undefined ? undefined : parseDuration(`${method} timeout`, timeout),
    rest,
  }
}
