// The service's settings, from the environment.
import { availableParallelism } from 'node:os'

export interface Config {
  host: string
  port: number
  token: string | undefined
  concurrency: number
  queueLimit: number
  problems: string | undefined
  languages: string | undefined
  /** Submissions then go through Redis, to the workers. */
  redisUrl: string | undefined
  /** How long a worker may be silent until its submissions are given to others. */
  lockMs: number
  /** For `src` of go-judge's API. */
  hostPrefixes: string[]
}

/** A setting that cannot be used. */
export class ConfigError extends Error {}

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const text = (name: string) => env[name] || undefined
  const number = (name: string, fallback: number, minimum: number, maximum: number) => {
    const value = Number(text(name) ?? fallback)
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
    throw new ConfigError(`Expected ${name} to be a whole number from ${minimum} to ${maximum}, received ${env[name]}.`)
  }
  const config: Config = {
    host: text('HOST') ?? '127.0.0.1',
    port: number('PORT', 5050, 0, 65535),
    token: text('JUDGE_TOKEN'),
    concurrency: number('JUDGE_CONCURRENCY', availableParallelism(), 1, 1000),
    queueLimit: number('JUDGE_QUEUE_LIMIT', 256, 1, 1_000_000),
    problems: text('JUDGE_PROBLEMS'),
    languages: text('JUDGE_LANGUAGES'),
    redisUrl: text('REDIS_URL'),
    lockMs: number('JUDGE_LOCK_MS', 30_000, 1000, 600_000),
    hostPrefixes: (text('JUDGE_SRC_PREFIXES') ?? '').split(',').filter(Boolean),
  }
  if (config.redisUrl !== undefined && !/^rediss?:\/\//.test(config.redisUrl)) {
    throw new ConfigError(`Expected REDIS_URL to be like redis://host:6379, received ${config.redisUrl}.`)
  }
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(config.host)
  if (!isLocal && config.token === undefined) {
    throw new ConfigError(`Expected JUDGE_TOKEN to be set, since HOST=${config.host} lets others run programs here.`)
  }
  const relative = config.hostPrefixes.find((prefix) => !prefix.startsWith('/'))
  if (relative !== undefined) {
    throw new ConfigError(`Expected JUDGE_SRC_PREFIXES to be absolute paths with commas between, received ${relative}.`)
  }
  return config
}
