// One test of one submission: the program in a fresh box of the submission's pool, then the checker on what it printed.
//
// A program just over its CPU time is run again, three times at most, and its least time counts: what else the machine
// does (caches, hyper-threads, interrupts) can only add to a program's time, never take away from it. So is one that met
// its wall time while it was busy: a program that waits deserves that, one that the machine let wait does not. A run that
// the host could not carry out is tried once more and is then the judge's fault.
import { SandboxError, type SandboxPool, type SandboxResult } from 'cofferdam'
import { type Comparison, compareExactly, compareNumbers, compareTokens } from './compare.js'
import { runInteractive } from './interactive.js'
import type { Problem, Test } from './problem.js'
import type { Runnable } from './recipes.js'
import { runChecker, type SetterPrograms, SystemFault } from './setter.js'
import { failureOf, type Verdict } from './verdict.js'

const MAX_RUNS = 3
/** The part of the wall time in which a program that waits is not at work. */
const BUSY = 0.02

/** What became of one test. */
export interface TestResult {
  test: string
  verdict: Verdict
  /** One sentence for the contestant. */
  explanation: string
  /** User and system time of the whole tree; `undefined` with SE when nothing has run. */
  cpuTimeMs: number | undefined
  wallTimeMs: number | undefined
  memoryPeakBytes: number | undefined
  exitCode: number | undefined
  signal: string | undefined
  /** More than one when the CPU time was just over the limit. */
  runs: number
}

/** What a test is run with. */
export interface Contestant {
  problem: Problem
  program: Runnable
  pool: SandboxPool
  setters: SetterPrograms
  signal: AbortSignal | undefined
}

/** What one run comes to. */
export interface Attempt extends Omit<Comparison, 'verdict'> {
  verdict: Verdict
  result: SandboxResult
}

/** Rejects only when the signal has fired: any other fault is the verdict SE. */
export async function runTest(contestant: Contestant, test: Test): Promise<TestResult> {
  try {
    const [input, answer] = await Promise.all([test.input(), test.answer()])
    let best = await attemptTwice(contestant, input, answer)
    let runs = 1
    while (isBorderline(best, contestant.program) && runs < MAX_RUNS) {
      const next = await attemptTwice(contestant, input, answer)
      runs += 1
      best = better(best, next)
    }
    const { verdict, explanation, result } = best
    const { cpuTimeMs, wallTimeMs, memoryPeakBytes } = result.usage
    const { exitCode, signal } = result
    return { test: test.name, verdict, explanation, cpuTimeMs, wallTimeMs, memoryPeakBytes, exitCode, signal, runs }
  } catch (error) {
    contestant.signal?.throwIfAborted()
    return systemError(test.name, error)
  }
}

/** Over the limit, and yet it has ended by itself; or ended with CPU time left that it was about to use. */
function isBorderline(attempt: Attempt, { cpuLimitMs }: Runnable): boolean {
  const { verdict, result } = attempt
  if (verdict !== 'TLE') return false
  return result.outcome === 'exited' || (isStarved(attempt) && result.usage.cpuTimeMs <= cpuLimitMs)
}

function isStarved({ result: { outcome, usage } }: Attempt): boolean {
  return outcome === 'wall-time-limit' && usage.cpuTimeMs > usage.wallTimeMs * BUSY
}

function better(one: Attempt, other: Attempt): Attempt {
  if (isStarved(one) || isStarved(other)) return isStarved(one) ? other : one
  return other.result.usage.cpuTimeMs < one.result.usage.cpuTimeMs ? other : one
}

async function attemptTwice(contestant: Contestant, input: Buffer, answer: Buffer): Promise<Attempt> {
  try {
    return await attempt(contestant, input, answer)
  } catch (error) {
    contestant.signal?.throwIfAborted()
    if (!(error instanceof SandboxError)) throw error
    return attempt(contestant, input, answer)
  }
}

async function attempt(contestant: Contestant, input: Buffer, answer: Buffer): Promise<Attempt> {
  const { problem, program, pool, setters, signal } = contestant
  const { checker } = problem
  if (checker.type === 'interactive') {
    return runInteractive(contestant, await setters.get(checker.program), input, answer)
  }
  const result = await pool.run(program.file, program.args, { input, encoding: 'buffer', signal })
  signal?.throwIfAborted()
  const failure = failureOf(result, program.cpuLimitMs, program.memoryExitCodes)
  if (failure) return { ...failure, result }
  return { ...(await check(contestant, input, result.stdout, answer)), result }
}

async function check(contestant: Contestant, input: Buffer, output: Buffer, answer: Buffer): Promise<Comparison> {
  const { checker } = contestant.problem
  switch (checker.type) {
    case 'exact':
      return compareExactly(output, answer)
    case 'token':
      return compareTokens(output, answer, checker.ignoreCase)
    case 'float':
      return compareNumbers(output, answer, checker.absolute, checker.relative)
    case 'program':
      return runChecker(await contestant.setters.get(checker.program), { input, output, answer }, contestant.signal)
    case 'interactive':
      throw new SystemFault('An interactive problem has no checker.')
  }
}

export function systemError(test: string, error: unknown): TestResult {
  const explanation = error instanceof Error ? error.message : String(error)
  return {
    test,
    verdict: 'SE',
    explanation,
    cpuTimeMs: undefined,
    wallTimeMs: undefined,
    memoryPeakBytes: undefined,
    exitCode: undefined,
    signal: undefined,
    runs: 0,
  }
}
