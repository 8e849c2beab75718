// A judge in one file. A submission is prepared once (C is compiled, in a sandbox) and then run on one test after the
// other, each time in a fresh sandbox, until a test fails. The verdict is read from `result.outcome`, which names the
// limit that ended the program: nothing is guessed from signals, exit codes or error texts.
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunResult, type Sandbox, sandbox } from 'cofferdam'
import { accepts, type TestCase } from './problem.js'
import type { Submission } from './submissions.js'

export const VERDICTS = [
  'accepted',
  'wrong answer',
  'runtime error (exit code)',
  'runtime error (signal)',
  'CPU time limit',
  'wall time limit',
  'memory limit',
  'process limit',
  'output limit',
  'forbidden system call',
  'compile error',
] as const

export type Verdict = (typeof VERDICTS)[number]

/** What became of a submission; the figures are those of its most expensive test. */
export interface Judgement {
  verdict: Verdict
  why: string
  cpuTimeMs?: number | undefined
  wallTimeMs?: number | undefined
  memoryPeakBytes?: number | undefined
}

/** A recipe and the command to run in it, or the compiler's complaint. */
type Prepared = { recipe: Sandbox; command: [file: string, ...args: string[]] } | { complaint: string }

/** What a contestant's program may use. The wall time is generous: only a program that waits should ever meet it. */
const contestant = sandbox().env({ PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' }).limits({
  cpuTime: '1s',
  wallTime: '8s',
  memory: '64MiB',
  stack: '8MiB',
  pids: 32,
  openFiles: 64,
  fileSize: '1MiB',
  output: '1MiB',
})

/** A compiler gets more of everything: it is the program of a friend, with the input of a stranger. */
const compiler = sandbox().env({ PATH: '/usr/bin:/bin' }).limits({
  cpuTime: '10s',
  wallTime: '30s',
  memory: '512MiB',
  pids: 32,
  fileSize: '32MiB',
  output: '64KiB',
})

/** Judges one submission; `workDirectory` is a place of the judge's where compiled programs may be put. */
export async function judge(
  submission: Submission,
  tests: readonly TestCase[],
  workDirectory: string,
): Promise<Judgement> {
  const prepared = await prepare(submission, workDirectory)
  if ('complaint' in prepared) return { verdict: 'compile error', why: prepared.complaint }

  const { recipe, command } = prepared
  const [file, ...args] = command
  const results: RunResult[] = []
  for (const [index, test] of tests.entries()) {
    const result = await recipe.run(file, args, { input: test.input })
    results.push(result)

    const verdict = verdictOf(result, test)
    if (verdict !== 'accepted') {
      const why = verdict === 'wrong answer' ? difference(test, result) : result.explain()
      return { verdict, why: `Test ${index + 1}, ${test.name}: ${why}`, ...mostExpensive(results) }
    }
  }
  return { verdict: 'accepted', why: `All ${tests.length} tests passed.`, ...mostExpensive(results) }
}

function verdictOf(result: RunResult, test: TestCase): Verdict {
  switch (result.outcome) {
    case 'exited':
      if (result.exitCode !== 0) return 'runtime error (exit code)'
      return accepts(test, result.stdout) ? 'accepted' : 'wrong answer'
    case 'signaled':
      return 'runtime error (signal)'
    case 'cpu-time-limit':
      return 'CPU time limit'
    case 'wall-time-limit':
      return 'wall time limit'
    case 'memory-limit':
      return 'memory limit'
    case 'pids-limit':
      return 'process limit'
    case 'output-limit':
      return 'output limit'
    case 'seccomp-violation':
      return 'forbidden system call'
    case 'aborted':
      throw new Error('This judge passes no AbortSignal.')
  }
}

async function prepare(submission: Submission, workDirectory: string): Promise<Prepared> {
  const { name, language, source } = submission
  switch (language) {
    case '.c':
      return compile(source, join(workDirectory, name))
    case '.py':
      return { recipe: contestant.file('/submission.py', source), command: ['/usr/bin/python3', '/submission.py'] }
    case '.sh':
      return { recipe: contestant.file('/submission.sh', source), command: ['/bin/sh', '/submission.sh'] }
  }
}

/**
 * Without `rootfs()` a sandbox sees the host's system directories, read-only: enough for a compiler. It writes into one
 * directory of the host, and that directory then is the *whole* root file system of the program it made.
 */
async function compile(source: string, outputDirectory: string): Promise<Prepared> {
  await mkdir(outputDirectory)
  // Started by root, the compiler is an unprivileged user of the host, to whom this directory must be open.
  await chmod(outputDirectory, 0o777)

  const isStatic = await hasStaticLibc()
  const result = await compiler
    .file('/source/main.c', source)
    .bind(outputDirectory, '/output', { writable: true })
    .run('cc', ['-O2', ...(isStatic ? ['-static'] : []), '-o', '/output/program', '/source/main.c'])

  if (!result.ok)
    return { complaint: result.stderr.split('\n').find((line) => line.includes('error')) ?? result.explain() }
  return isStatic
    ? { recipe: contestant.rootfs(outputDirectory), command: ['/program'] }
    : { recipe: contestant.bind(outputDirectory, '/submission'), command: ['/submission/program'] }
}

/** Some distributions package libc.a apart; without it programs need the host's libraries, and so its directories. */
async function hasStaticLibc(): Promise<boolean> {
  const result = await compiler.run('cc', ['-print-file-name=libc.a'])
  return result.stdout.startsWith('/')
}

function mostExpensive(results: readonly RunResult[]): Pick<Judgement, 'cpuTimeMs' | 'wallTimeMs' | 'memoryPeakBytes'> {
  const largest = (figure: keyof RunResult['usage']) => {
    const known = results.map((result) => result.usage[figure]).filter((value) => value !== undefined)
    return known.length > 0 ? Math.max(...known) : undefined
  }
  return {
    cpuTimeMs: largest('cpuTimeMs'),
    wallTimeMs: largest('wallTimeMs'),
    memoryPeakBytes: largest('memoryPeakBytes'),
  }
}

function difference(test: TestCase, result: RunResult): string {
  return `Expected ${test.answer}, received ${JSON.stringify(result.stdout.trim().slice(0, 40))}.`
}
