// The judge: a submission in, a verdict out, with each step told as it happens.
//
//   compile once -> for each test: a fresh box that waited booted -> checker -> verdict
//
// One submission is judged test after test; how many are judged at once is the caller's business (queue.ts). A judge keeps
// nothing but what problem setters' programs were compiled to, in a directory that goes with close().
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SandboxPool } from 'cofferdam'
import { compile } from './compile.js'
import type { Language } from './languages.js'
import type { Problem } from './problem.js'
import { runnable } from './recipes.js'
import { SetterPrograms } from './setter.js'
import { runTest, systemError, type TestResult } from './test-run.js'
import type { Verdict } from './verdict.js'

/** The largest source that is taken, in bytes. */
export const MAX_SOURCE_BYTES = 256 * 2 ** 10

export interface Submission {
  problem: string
  language: string
  source: string
  /** `'first'` stops at the first test that fails, `'all'` runs every one. */
  tests: 'first' | 'all'
}

export interface Judgement {
  /** That of the first test that is not accepted. */
  verdict: Verdict
  /** One sentence; the compiler's message with CE. */
  explanation: string
  tests: TestResult[]
  /** Those of the most expensive test. */
  cpuTimeMs: number | undefined
  memoryPeakBytes: number | undefined
}

export type Progress = { step: 'compiling' } | { step: 'running'; of: number } | { step: 'tested'; result: TestResult }

/** A submission that cannot be judged, for a reason that its sender can mend. */
export class SubmissionError extends Error {}

export class Judge {
  readonly #setters: SetterPrograms
  readonly #directory = mkdtempSync(join(tmpdir(), 'cofferdam-judge-'))

  constructor(
    readonly problems: ReadonlyMap<string, Problem>,
    readonly languages: ReadonlyMap<string, Language>,
  ) {
    this.#setters = new SetterPrograms(languages, () => join(this.#directory, randomUUID()))
  }

  /** What is wrong with it, before it is queued. @throws SubmissionError */
  check({ problem, language, source }: Submission): { problem: Problem; language: Language } {
    const known = { problem: this.problems.get(problem), language: this.languages.get(language) }
    if (!known.problem) throw new SubmissionError(`There is no problem "${problem.slice(0, 80)}".`)
    if (!known.language) {
      const names = [...this.languages.keys()].join(', ')
      throw new SubmissionError(`Expected language to be one of ${names}, received "${language.slice(0, 80)}".`)
    }
    const bytes = Buffer.byteLength(source)
    if (bytes > MAX_SOURCE_BYTES) {
      throw new SubmissionError(`Expected a source of at most ${MAX_SOURCE_BYTES} bytes, received ${bytes}.`)
    }
    return { problem: known.problem, language: known.language }
  }

  /**
   * Judges one submission.
   *
   * @param known results of tests that another judge has come to before it was lost; these are not run again
   * @throws SubmissionError as check() does, and the signal's reason when it fires. Any fault of the host is a verdict: SE
   */
  async judge(
    submission: Submission,
    onProgress: (progress: Progress) => void = () => {},
    signal?: AbortSignal,
    known: readonly TestResult[] = [],
  ): Promise<Judgement> {
    const { problem, language } = this.check(submission)
    const directory = join(this.#directory, randomUUID())
    try {
      onProgress({ step: 'compiling' })
      const compiled = await compile(language, submission.source, directory, signal)
      if (!compiled.ok) return summary('CE', compiled.message, [])
      onProgress({ step: 'running', of: problem.tests.length })
      return await this.#runTests(problem, language, directory, submission.tests, onProgress, signal, known)
    } catch (error) {
      signal?.throwIfAborted()
      return systemFault(systemError('', error).explanation)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Removes what it has compiled. Nothing may be being judged any more. */
  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #runTests(
    problem: Problem,
    language: Language,
    directory: string,
    which: Submission['tests'],
    onProgress: (progress: Progress) => void,
    signal: AbortSignal | undefined,
    known: readonly TestResult[],
  ): Promise<Judgement> {
    const program = runnable(language, problem.limits, directory)
    const pool = new SandboxPool({ recipe: program.recipe, concurrency: 1, warm: 1, reuse: true })
    const results: TestResult[] = []
    try {
      for (const test of problem.tests) {
        const earlier = known.find((result) => result.test === test.name)
        const result = earlier ?? (await runTest({ problem, program, pool, setters: this.#setters, signal }, test))
        results.push(result)
        if (!earlier) onProgress({ step: 'tested', result })
        if (result.verdict !== 'AC' && which === 'first') break
      }
    } finally {
      await pool.close()
    }
    const failed = results.find(({ verdict }) => verdict !== 'AC')
    if (!failed) return summary('AC', `All ${results.length} tests passed.`, results)
    return summary(failed.verdict, `Test ${failed.test}: ${failed.explanation}`, results)
  }
}

/** A verdict on a submission that could not be judged. */
export function systemFault(explanation: string): Judgement {
  return summary('SE', explanation, [])
}

function summary(verdict: Verdict, explanation: string, tests: TestResult[]): Judgement {
  const largest = (figures: (number | undefined)[]) => {
    const known = figures.filter((figure) => figure !== undefined)
    return known.length > 0 ? Math.max(...known) : undefined
  }
  return {
    verdict,
    explanation,
    tests,
    cpuTimeMs: largest(tests.map((test) => test.cpuTimeMs)),
    memoryPeakBytes: largest(tests.map((test) => test.memoryPeakBytes)),
  }
}
