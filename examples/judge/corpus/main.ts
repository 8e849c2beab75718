// npm run corpus                     judges every submission of the corpus
// npm run corpus -- sum/TLE guess    those whose names contain one of these
// npm run corpus -- --jobs 1         so many at once; the processors unless given
// npm run corpus -- --submissions d  those of another directory, d/<problem>/<verdict>-<name>.<extension>
//
// Prints a line for each as it is judged, and then the confusion table. The exit code is 0 only if every verdict is the one
// that the file's name asks for, and something has been judged.
import { setMaxListeners } from 'node:events'
import { availableParallelism, constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import PQueue from 'p-queue'
import { Judge, type Judgement } from '../src/engine/judge.js'
import { loadLanguages } from '../src/engine/languages.js'
import { loadProblems } from '../src/engine/problem.js'
import { type CorpusEntry, loadCorpus } from './submissions.js'
import { confusionTable, isDiagonal, type Judged } from './table.js'

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: String(availableParallelism()) },
    submissions: { type: 'string', default: here('submissions') },
  },
})
const concurrency = Number(flags.jobs)
if (!Number.isInteger(concurrency) || concurrency < 1) {
  console.error(`Expected --jobs to be a whole number from 1 on, received ${flags.jobs}.`)
  process.exit(2)
}

const startedMs = performance.now()
const [good, broken, languages, corpus] = await Promise.all([
  loadProblems(here('../problems')),
  loadProblems(here('broken')),
  loadLanguages(here('../languages.json')),
  loadCorpus(flags.submissions),
])
const judge = new Judge(new Map([...good, ...broken]), languages)
const stop = new AbortController()
// Each submission that waits is a listener.
setMaxListeners(0, stop.signal)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.exitCode = 128 + constants.signals[signal]
    stop.abort(new Error(`The corpus was ended by ${signal}.`))
  })
}

const selected = corpus.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
const runnable = selected.filter(({ language }) => languages.has(language))
const judged: Judged[] = []
try {
  const queue = new PQueue({ concurrency })
  await Promise.all(runnable.map((entry) => queue.add(() => judgeOne(entry), { signal: stop.signal })))
  report()
} catch (error) {
  if (!stop.signal.aborted) throw error
  console.error(String(stop.signal.reason))
} finally {
  await judge.close()
}

async function judgeOne(entry: CorpusEntry): Promise<void> {
  const { name, problem, language, source, expected } = entry
  const judgement = await judge.judge({ problem, language, source, tests: 'first' }, () => {}, stop.signal)
  judged.push({ expected, received: judgement.verdict })
  const isRight = judgement.verdict === expected
  console.log(
    `${String(judged.length).padStart(3)}/${runnable.length} ${isRight ? '✔' : '✖'} ${name}: ${told(judgement)}`,
  )
}

function told({ verdict, explanation, cpuTimeMs, memoryPeakBytes }: Judgement): string {
  const figures = [
    cpuTimeMs === undefined ? '' : `${Math.round(cpuTimeMs)} ms`,
    memoryPeakBytes === undefined ? '' : `${(memoryPeakBytes / 2 ** 20).toFixed(1)} MiB`,
  ]
  const sentence = explanation.split('\n')[0]?.slice(0, 140) ?? ''
  return [verdict, ...figures.filter(Boolean), sentence].join(', ')
}

function report(): void {
  console.log(`\n${confusionTable(judged)}\n`)
  const right = judged.filter(({ expected, received }) => expected === received).length
  const skipped = selected.length - runnable.length
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const not = skipped > 0 ? `, ${skipped} skipped for want of their languages` : ''
  console.log(`${right} of ${judged.length} verdicts are what they must be${not}, in ${seconds} s.`)
  process.exitCode = judged.length > 0 && isDiagonal(judged) ? 0 : 1
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
