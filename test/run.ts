// Runs the test files, each in a Node process of its own, and counts what they report (support/tally.ts).
//
//   npm test                                   everything
//   npm test -- --tier pure                    one tier: pure, types, sandbox, escape or consumers
//   npm test -- test/sandbox/limits.test.ts    these files
//   npm test -- --grep memory                  tests whose "subject: name" matches
//
// Green means that every declared test has said that it passed, or that it was skipped and why. The last line is always
// `N passed, N failed, N skipped`.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { atMost } from './support/slow.js'
import { readTally } from './support/tally.js'

interface Tier {
  name: string
  directories: readonly string[]
  /** One where times are measured or the whole machine is looked at. */
  parallelism: number
  timeoutMs: number
  /** Run only when it is asked for. */
  byName?: boolean
}

interface FileReport {
  file: string
  passed: number
  /** Each with its reason. */
  failed: string[]
  skipped: string[]
  /** Of another kind of host, each with which. */
  inapplicable: string[]
  durationMs: number
  output: string
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** In the virtual machine each source has its JavaScript beside it (vm/compiled.ts). */
const COMPILED = process.env.COFFERDAM_VM === '1'
const SANDBOX: Tier = { name: 'sandbox', directories: ['sandbox', 'examples'], parallelism: 1, timeoutMs: 300_000 }
const TIERS: readonly Tier[] = [
  { name: 'pure', directories: ['pure', 'harness'], parallelism: 2, timeoutMs: 120_000 },
  { name: 'types', directories: ['types', 'package'], parallelism: 2, timeoutMs: 300_000 },
  SANDBOX,
  { name: 'escape', directories: ['escape'], parallelism: 1, timeoutMs: 300_000 },
  // `npm run test:consumers`: it needs prebuilt addons, and large packages of the registry.
  { name: 'consumers', directories: ['consumers'], parallelism: 1, timeoutMs: 300_000, byName: true },
]

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { tier: { type: 'string', multiple: true }, grep: { type: 'string' } },
})

const running = new Set<ChildProcess>()
const scratch = mkdtempSync(join(tmpdir(), 'cofferdam-run-'))
chmodSync(scratch, 0o755)
// tsx keeps what it has transformed in a directory of the temporary one. Each file's process has a temporary directory of
// its own, so without help each would transform everything anew.
const transformed = join(scratch, 'transformed')
mkdirSync(transformed)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const child of running) end(child)
    rmSync(scratch, { recursive: true, force: true })
    process.exit(1)
  })
}

const reports: FileReport[] = []
for (const tier of selectedTiers()) {
  const queue = filesOf(tier)
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const report = await runFile(file, atMost(tier.timeoutMs))
      reports.push(report)
      print(report)
    }
  }
  await Promise.all(Array.from({ length: tier.parallelism }, worker))
}
rmSync(scratch, { recursive: true, force: true })
summarize()

function selectedTiers(): readonly Tier[] {
  const unknown = flags.tier?.find((name) => !TIERS.some((tier) => tier.name === name))
  if (unknown)
    throw new Error(`Expected one of ${TIERS.map((tier) => tier.name).join(', ')} for --tier, got ${unknown}`)
  return TIERS.filter((tier) => flags.tier?.includes(tier.name) ?? (positionals.length > 0 || !tier.byName))
}

/** A file that is asked for by name need not be one that the tier would find. */
function filesOf(tier: Tier): string[] {
  const found = tier.directories.flatMap((directory) => testFilesBelow(join(ROOT, 'test', directory)))
  if (positionals.length === 0) return found
  const named = positionals
    .map((path) => resolve(path))
    .flatMap((path) => (isFile(path) ? [path] : found.filter((file) => file.startsWith(`${path}/`))))
  return [...new Set(named)].filter((file) => tierOf(file) === tier)
}

function tierOf(file: string): Tier {
  const [directory = ''] = relative(join(ROOT, 'test'), file).split('/')
  return TIERS.find((tier) => tier.directories.includes(directory)) ?? SANDBOX
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function testFilesBelow(directory: string): string[] {
  try {
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
    return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(directory, name))
  } catch {
    return []
  }
}

async function runFile(file: string, timeoutMs: number): Promise<FileReport> {
  const startedMs = performance.now()
  const name = relative(ROOT, file)
  const tallyPath = join(scratch, `${name.replaceAll('/', '-')}.tally`)
  const temporary = join(scratch, name.replaceAll('/', '-'))
  mkdirSync(temporary)
  symlinkSync(transformed, join(temporary, `tsx-${process.geteuid?.()}`))
  const child = spawn(process.execPath, COMPILED ? [file.replace(/\.ts$/, '.js')] : ['--import', 'tsx', file], {
    cwd: ROOT,
    env: {
      ...process.env,
      COFFERDAM_TALLY: tallyPath,
      TMPDIR: temporary,
      FORCE_COLOR: '0',
      ...(flags.grep === undefined ? {} : { COFFERDAM_GREP: flags.grep }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group, so that nothing of it survives a time-out
  })
  running.add(child)

  let output = ''
  const keep = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const problem = await endOf(child, timeoutMs)
  running.delete(child)

  return { ...count(name, tallyPath, problem), output, durationMs: performance.now() - startedMs }
}

/** What was wrong with the process's end, if anything. */
async function endOf(child: ChildProcess, timeoutMs: number): Promise<string | undefined> {
  const closed = new Promise((done) => child.once('close', done))
  const ended = new Promise<string | undefined>((done) => {
    child.once('error', (error) => done(error.message))
    child.once('exit', (code, signal) =>
      done(code === 0 ? undefined : `it ended with ${signal ?? `exit code ${code}`}`),
    )
  })
  const timer = new AbortController()
  const timeout = sleep(timeoutMs, `it did not end within ${timeoutMs / 1000} s`, { signal: timer.signal })
  timeout.catch(() => {})
  const problem = await Promise.race([ended, timeout])
  timer.abort()
  end(child)
  // A process that was left behind may hold the pipes open for ever.
  await Promise.race([closed, sleep(1000, undefined, { ref: false })])
  child.stdout?.destroy()
  child.stderr?.destroy()
  return problem
}

function end(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The whole group has gone already.
  }
}

function count(file: string, tallyPath: string, problem: string | undefined) {
  const events = readTally(tallyPath)
  const declared = events.filter((event) => event.event === 'declared')
  const finished = events.filter((event) => event.event === 'finished')
  const missing = declared.filter(({ test }) => !finished.some((end) => end.test === test))

  const failed = [
    ...finished.filter(({ status }) => status === 'failed').map(({ test, reason }) => `${test}: ${reason}`),
    ...missing.map(({ test }) => `${test}: never finished`),
    ...events.filter((event) => event.event === 'broken').map(({ reason }) => `${file}: ${reason}`),
  ]
  const inapplicable = events.filter((event) => event.event === 'inapplicable')
  if (declared.length + inapplicable.length === 0 && flags.grep === undefined) failed.push(`${file}: declares no test`)
  // A bad end that no test accounts for is a failure of its own.
  if (problem && failed.length === 0) failed.push(`${file}: ${problem}`)

  return {
    file,
    passed: finished.filter(({ status }) => status === 'passed').length,
    failed,
    skipped: finished.filter(({ status }) => status === 'skipped').map(({ test, reason }) => `${test}: ${reason}`),
    inapplicable: inapplicable.map(({ test, reason }) => `${test}: ${reason}`),
  }
}

function print({ file, passed, failed, skipped, inapplicable, durationMs, output }: FileReport): void {
  const numbers = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`
  const seconds = (durationMs / 1000).toFixed(1)
  console.log(`${failed.length > 0 ? 'FAILED' : 'ok    '} ${file}: ${numbers} (${seconds} s)`)
  for (const line of skipped) console.log(`       skipped  ${line}`)
  for (const line of inapplicable) console.log(`       not here ${line}`)
  if (failed.length > 0) console.log(`\n${output.trimEnd().replace(/^/gm, '  | ')}\n`)
}

function summarize(): void {
  const failed = reports.flatMap((report) => report.failed)
  const skipped = reports.reduce((sum, report) => sum + report.skipped.length, 0)
  const passed = reports.reduce((sum, report) => sum + report.passed, 0)
  const inapplicable = reports.reduce((sum, report) => sum + report.inapplicable.length, 0)
  if (reports.length === 0) failed.push('no test file was found')
  if (passed + failed.length + skipped + inapplicable === 0) failed.push('no test was run')

  if (failed.length > 0)
    console.log(`\nFailed:\n${failed.map((line) => `  ${line.replace(/\n/g, '\n    ')}`).join('\n')}`)
  if (inapplicable > 0) console.log(`\n${inapplicable} tests are for another kind of host (test/support/kinds.ts)`)
  console.log(`\n${passed} passed, ${failed.length} failed, ${skipped} skipped`)
  process.exitCode = failed.length > 0 ? 1 : 0
}
