// The recipes of programs that run: a contestant's on a test, and a problem setter's.
//
// Both have what was compiled in /box, read-only, and nothing else of the host but its system directories. /tmp is in
// memory, and so within the memory limit. Limits are those of the problem plus what the language's runtime needs.
import type { Sandbox } from 'cofferdam'
import { type Language, languageRecipe } from './languages.js'
import type { ProblemLimits } from './problem.js'

/** What can be run: a recipe and the command in it. */
export interface Runnable {
  recipe: Sandbox
  file: string
  args: readonly string[]
  /** More is TLE, when the language's allowances are added. */
  cpuLimitMs: number
  wallLimitMs: number
  memoryExitCodes: readonly number[]
}

/**
 * How much later than at its limit a program is ended. One that ends by itself in between is over its limit by little:
 * then it is run again, since what else the machine does can only have added to its time.
 */
const BORDERLINE = 1.25

export function runnable(language: Language, limits: ProblemLimits, directory: string): Runnable {
  const { run } = language
  const cpuLimitMs = Math.round(limits.cpuTimeMs * run.cpuTimeFactor + run.extraCpuTimeMs)
  const endedAtMs = Math.round(cpuLimitMs * BORDERLINE)
  const wallLimitMs = Math.max(limits.wallTimeMs, endedAtMs)
  const recipe = languageRecipe(language)
    .env({ ONLINE_JUDGE: '1' })
    .bind(directory, '/box')
    .cwd('/box')
    .limits({
      cpuTime: endedAtMs,
      wallTime: wallLimitMs,
      memory: limits.memoryBytes + run.extraMemoryBytes,
      output: limits.outputBytes,
      fileSize: limits.outputBytes,
      stack: limits.stackBytes,
      pids: run.pids,
      openFiles: 64,
    })
  const [file, ...args] = run.command.map((word) => fillIn(word, limits)) as [string, ...string[]]
  return { recipe, file, args, cpuLimitMs, wallLimitMs, memoryExitCodes: run.memoryExitCodes }
}

function fillIn(word: string, { memoryBytes, stackBytes }: ProblemLimits): string {
  const stack = stackBytes * 0.9
  return word
    .replaceAll('{memoryMiB}', String(Math.floor(memoryBytes / 2 ** 20)))
    .replaceAll('{stackMiB}', String(Math.max(1, Math.floor(stack / 2 ** 20))))
    .replaceAll('{stackKiB}', String(Math.floor(stack / 2 ** 10)))
}
