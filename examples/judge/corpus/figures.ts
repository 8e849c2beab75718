// npm run figures: what the judge costs, and how steady its CPU times are, on this machine as it is.
//
//   spread       the CPU time of one fixed program over 200 runs: median, and median absolute deviation in percent.
//                Where two processors are threads of one core, a program takes up to twice as long beside a busy one as
//                beside an idle one, bare or not: then the deviation is that of the load
//   per test     the wall time of a program that does nothing, in a warm box with all limits and bare, medians
//   submissions  judged per second from source to verdict (C, compiled, five tests), as many at once as processors
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SandboxPool } from 'cofferdam'
import PQueue from 'p-queue'
import { compile } from '../src/engine/compile.js'
import { Judge } from '../src/engine/judge.js'
import { type Language, loadLanguages } from '../src/engine/languages.js'
import { loadProblems, type ProblemLimits } from '../src/engine/problem.js'
import { type Runnable, runnable } from '../src/engine/recipes.js'

const RUNS = 200
const SUBMISSIONS = 40
const LIMITS: ProblemLimits = {
  cpuTimeMs: 10_000,
  wallTimeMs: 60_000,
  memoryBytes: 64 * 2 ** 20,
  outputBytes: 2 ** 20,
  stackBytes: 8 * 2 ** 20,
}
/** Some tens of milliseconds of arithmetic, without a memory access that could miss a cache. */
const WORK = 'int main(void) { volatile unsigned n = 0; for (unsigned i = 0; i < 40000000; i++) n += i; return 0; }\n'
const NOTHING = 'int main(void) { return 0; }\n'
const SUM = '#include <stdio.h>\nint main(void) { long a, b; scanf("%ld %ld", &a, &b); printf("%ld\\n", a + b); }\n'

const languages = await loadLanguages(here('../languages.json'))
const c = languages.get('c')
if (!c) throw new Error('The figures are those of programs in C, for which there is no compiler here.')
const directory = await mkdtemp(join(tmpdir(), 'cofferdam-figures-'))
try {
  console.log(`load before: ${loadavg()[0]?.toFixed(1)}, ${availableParallelism()} processors`)
  await spread(await program(c, WORK, 'work'))
  await perTest(await program(c, NOTHING, 'nothing'), join(directory, 'nothing/program'))
  await submissions()
} finally {
  await rm(directory, { recursive: true })
}

async function spread({ recipe, file, args }: Runnable): Promise<void> {
  await using pool = new SandboxPool({ recipe, concurrency: 1, warm: 1, reuse: true })
  const times: number[] = []
  for (let i = 0; i < RUNS; i++) times.push((await pool.run(file, args)).throwIfFailed().usage.cpuTimeMs)
  console.log(`spread: ${RUNS} runs, ${steadiness(times)}`)
  // What the verdict of a borderline program is made of.
  const best = times.flatMap((time, i) =>
    i % 3 === 2 ? Math.min(time, times[i - 1] ?? time, times[i - 2] ?? time) : [],
  )
  console.log(`        least of three each, ${steadiness(best)}`)
}

function steadiness(times: readonly number[]): string {
  const middle = median(times)
  const deviation = (median(times.map((time) => Math.abs(time - middle))) / middle) * 100
  const [least, most] = [Math.min(...times), Math.max(...times)].map((time) => time.toFixed(1))
  return `median ${middle.toFixed(1)} ms (${least} to ${most}), median absolute deviation ${deviation.toFixed(1)} %`
}

async function perTest({ recipe, file, args }: Runnable, path: string): Promise<void> {
  await using pool = new SandboxPool({ recipe, concurrency: 1, warm: 1, reuse: true })
  const bare = promisify(execFile)
  const [inside, outside]: [number[], number[]] = [[], []]
  // In turns, so that the machine's load is that of both.
  for (let i = 0; i < RUNS; i++) {
    inside.push(await timed(() => pool.run(file, args)))
    outside.push(await timed(() => bare(path)))
  }
  console.log(`per test: ${median(inside).toFixed(2)} ms in a warm box, ${median(outside).toFixed(2)} ms bare`)
}

async function submissions(): Promise<void> {
  const judge = new Judge(await loadProblems(here('../problems')), languages)
  const queue = new PQueue({ concurrency: availableParallelism() })
  const submission = { problem: 'sum', language: 'c', source: SUM, tests: 'first' } as const
  const ms = await timed(async () => {
    const jobs = Array.from({ length: SUBMISSIONS }, () => queue.add(() => judge.judge(submission)))
    const verdicts = (await Promise.all(jobs)).map(({ verdict }) => verdict)
    if (verdicts.some((verdict) => verdict !== 'AC')) throw new Error(`Expected AC, received ${verdicts.join(' ')}.`)
  })
  await judge.close()
  console.log(`submissions: ${((SUBMISSIONS / ms) * 1000).toFixed(1)} per second`)
}

async function program(language: Language, source: string, name: string): Promise<Runnable> {
  const compiled = await compile(language, source, join(directory, name))
  if (!compiled.ok) throw new Error(compiled.message)
  return runnable(language, LIMITS, compiled.directory)
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await action()
  return performance.now() - startedMs
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
