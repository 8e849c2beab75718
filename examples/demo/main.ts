// A small judge of programming contests: `npm run demo`, or `npm run demo -- directory` for programs of your own.
//
// It judges the programs of submissions/, some correct, some wrong, some hostile, against the tests of problem.ts, two at
// a time, and prints a line for each when it is done and a table at the end. The exit code is 0 only if every verdict is
// the one that the submission's first line announces. How a verdict is found is in judge.ts.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SandboxUnsupportedError } from 'cofferdam'
import PQueue from 'p-queue'
import { type Judgement, judge } from './judge.js'
import { statement, tests } from './problem.js'
import { createProgress } from './progress.js'
import { loadSubmissions, type Submission } from './submissions.js'
import { type Row, renderTable } from './table.js'

const startedMs = performance.now()
const submissions = await loadSubmissions(process.argv[2] ?? fileURLToPath(new URL('submissions', import.meta.url)))
const workDirectory = makeWorkDirectory()

console.log(`${statement}\n${submissions.length} submissions, ${tests.length} tests.\n`)
const progress = createProgress(submissions.length)

const queue = new PQueue({ concurrency: 2 })
// The one that sleeps until its wall time is over goes first, beside all the others.
const longestFirst = (submission: Submission) => ({ priority: submission.expected === 'wall time limit' ? 1 : 0 })
const rows = await Promise.all(
  submissions.map((submission) => queue.add(() => judgeAndReport(submission), longestFirst(submission))),
)
progress.stop()

const skipped = rows.filter((row) => !row.judgement)
const expected = rows.filter((row) => row.judgement?.verdict === row.submission.expected)
console.log(`\n${renderTable(rows)}\n`)
console.log(
  `${expected.length} of ${rows.length} verdicts as expected` +
    `${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}, in ${seconds(performance.now() - startedMs)}.`,
)
const mustWork = process.env.COFFERDAM_MUST_WORK === '1'
process.exitCode = expected.length + (mustWork ? 0 : skipped.length) === rows.length ? 0 : 1

async function judgeAndReport(submission: Submission): Promise<Row> {
  const { name, language } = submission
  if (language === '.py' && !existsSync('/usr/bin/python3')) {
    progress.finished(name, `- ${name}: skipped, this host has no /usr/bin/python3.`)
    return { submission }
  }
  progress.started(name)
  try {
    const judgement: Judgement = await judge(submission, tests, workDirectory)
    const mark = judgement.verdict === submission.expected ? '✔' : '✖'
    progress.finished(name, `${mark} ${name}: ${judgement.verdict}. ${judgement.why}`)
    return { submission, judgement }
  } catch (error) {
    // The sandbox's own fault is never the contestant's: it is not a verdict, and it ends the demo.
    progress.stop()
    if (!(error instanceof SandboxUnsupportedError)) throw error
    console.error(`This host cannot run the demo. ${error.message}`)
    process.exit(1)
  }
}

/** Removed again however this process ends, other than by SIGKILL. */
function makeWorkDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cofferdam-demo-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
  return directory
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
