// uvu with its traps closed (STYLE.md, "Tests"). uvu reports a throw in a hook as success, has no time-outs and ends with
// success when the event loop runs empty; so nothing here uses its hooks: set-up, body, clean-up and leak checks all run
// inside the handler, under a time-out, and every declared test must report its end.
//
//   const test = suite('limits', { warmUp: true })
//   test('a fork bomb ends with pids-limit', async (t) => { ... }, { needs: controller('pids') })
//   test.run()
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as uvu from 'uvu'
import type { Need } from './host.js'
import type { Kind } from './kinds.js'
import { assertNothingLeft, type Snapshot, snapshot } from './leaks.js'
import { atMost } from './slow.js'
import { record } from './tally.js'
import { drainStock, warmUp } from './warm-up.js'

export interface TestContext {
  /** Makes a directory that anyone may enter (mapped ids included); it is removed after the test. */
  tempDir(): string
  /** Runs after the body, last added first, also when the body has failed, and before the leak checks. */
  cleanUp(action: () => unknown): void
  /** Ends the test as skipped, which is a failure where everything must work (COFFERDAM_MUST_WORK=1). */
  skip(reason: string): never
  /** Aborted when the test's time is over. */
  readonly signal: AbortSignal
}

export interface TestOptions {
  /** @default 20000 */
  timeoutMs?: number
  /** What the host must have; the test is skipped, with the reason, where it has not. */
  needs?: Need | readonly Need[]
  /** The kinds of host that have the test's subject at all; on others it is not run, and not counted. */
  only?: Kind | readonly Kind[]
}

export interface SuiteOptions {
  /**
   * Run one sandbox first, so that what the library keeps for the life of the process (memfd, epoll, eventfds) is no
   * leak of the first test. For every suite that starts sandboxes in its own process.
   * @default false
   */
  warmUp?: boolean
}

export interface Suite {
  (name: string, body: (t: TestContext) => unknown, options?: TestOptions): void
  run(): void
}

const DEFAULT_TIMEOUT_MS = 20_000
const CLEAN_UP_TIMEOUT_MS = 10_000
const LINGER_TIMEOUT_MS = 5_000

const mustWork = process.env.COFFERDAM_MUST_WORK === '1'
const onlyMatching = new RegExp(process.env.COFFERDAM_GREP ?? '', 'i')
const declared = new Set<string>()
let finished = 0

usePrivateTempDir()
process.on('exit', () => {
  if (finished === declared.size) return
  process.exitCode = 1
  console.error(`The process ended after ${finished} of ${declared.size} declared tests`)
})

class Skipped extends Error {}

export function suite(subject: string, { warmUp: warm = false }: SuiteOptions = {}): Suite {
  const tests = uvu.suite(subject)
  let atStart: Snapshot | undefined

  const declare = (name: string, handler: () => Promise<void>) => {
    const title = `${subject}: ${name}`
    if (declared.has(title)) throw new Error(`Two tests are called "${title}"`)
    declared.add(title)
    record({ event: 'declared', test: title })
    tests(name, () => report(title, handler))
  }

  const drain = warm ? drainStock : undefined
  const prepare = async () => {
    atStart ??= snapshot()
    if (warm) await warmUp()
  }

  const test: Suite = (name, body, options = {}) => {
    if (!onlyMatching.test(`${subject}: ${name}`)) return
    const otherKind = [options.only ?? []].flat().flatMap((kind) => kind() ?? [])
    if (otherKind.length === 0) declare(name, () => runTest(prepare, drain, body, options))
    else record({ event: 'inapplicable', test: `${subject}: ${name}`, reason: otherKind.join(', ') })
  }

  test.run = () => {
    // While sandboxes come and go the library keeps its own cgroup; after the last one that must go too.
    if (warm && declared.size > 0) {
      declare('nothing at all is left after the last sandbox', async () => {
        await prepare()
        if (atStart) await assertNothingLeft(atStart, { includeProcessWide: true })
      })
    }
    tests.run()
  }
  return test
}

async function runTest(
  prepare: () => Promise<void>,
  drain: (() => void) | undefined,
  body: (t: TestContext) => unknown,
  options: TestOptions,
) {
  for (const need of [options.needs ?? []].flat()) {
    const missing = need()
    if (missing) throw new Skipped(missing)
  }
  await prepare()

  const before = snapshot()
  const actions: (() => unknown)[] = []
  const abort = new AbortController()
  const context: TestContext = {
    tempDir() {
      const directory = mkdtempSync(join(tmpdir(), 'test-'))
      chmodSync(directory, 0o755)
      actions.push(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
      return directory
    },
    cleanUp: (action) => actions.push(action),
    skip(reason) {
      throw new Skipped(reason)
    },
    signal: abort.signal,
  }

  const failures: unknown[] = []
  const attempt = async (what: string, limitMs: number, action: () => unknown) => {
    try {
      await withTimeout(what, limitMs, action)
    } catch (error) {
      failures.push(error)
    }
  }

  await attempt('The test', options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => body(context))
  abort.abort()
  for (const action of actions.reverse()) await attempt('Its clean-up', CLEAN_UP_TIMEOUT_MS, action)
  await attempt('Its leak check', CLEAN_UP_TIMEOUT_MS, () => assertNothingLeft(before, { drain }))
  throwAll(failures)
}

/** One failure is thrown as it is; several become one error that tells them all. A skip counts only on its own. */
function throwAll(failures: readonly unknown[]): void {
  const real = failures.filter((failure) => !(failure instanceof Skipped))
  if (real.length > 1) {
    throw new AggregateError(real, real.map((failure) => toError(failure).message).join('\nand then: '))
  }
  if (failures.length > 0) throw real[0] ?? failures[0]
}

/** A referenced timer, so that the event loop cannot run empty under a test that waits for nothing. */
async function withTimeout(what: string, hardwareMs: number, action: () => unknown): Promise<void> {
  const limitMs = atMost(hardwareMs)
  const timer = new AbortController()
  const timeout = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} did not end within ${limitMs} ms`)
  })
  timeout.catch(() => {})
  try {
    await Promise.race([(async () => action())(), timeout])
  } finally {
    timer.abort()
  }
}

/** Tells uvu by throwing and the runner by the tally how a test has ended. */
async function report(test: string, handler: () => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  const finish = (status: 'passed' | 'failed' | 'skipped', reason?: string) => {
    const durationMs = Math.round(performance.now() - startedMs)
    record({ event: 'finished', test, status, durationMs, ...(reason === undefined ? {} : { reason }) })
    if (++finished === declared.size) expectProcessToEnd()
  }
  try {
    await handler()
    finish('passed')
  } catch (thrown) {
    if (thrown instanceof Skipped && !mustWork) return finish('skipped', thrown.message)
    const error = thrown instanceof Skipped ? new Error(`Skipped, but must work: ${thrown.message}`) : toError(thrown)
    finish('failed', error.message)
    throw error
  }
}

/** A live handle that nobody needs any more is a leak too; the timer does not keep the process alive itself. */
function expectProcessToEnd(): void {
  setTimeout(() => {
    const reason = `The process did not end by itself; alive: ${process.getActiveResourcesInfo().join(', ')}`
    record({ event: 'broken', reason })
    console.error(reason)
    process.exit(1)
  }, atMost(LINGER_TIMEOUT_MS)).unref()
}

/** uvu cannot print what is no Error, and `throw undefined` makes it crash. */
function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`Thrown: ${String(thrown)}`)
}

/** Whatever is left in a directory of our own was left by us. */
function usePrivateTempDir(): void {
  const directory = mkdtempSync(join(tmpdir(), 'cofferdam-test-'))
  chmodSync(directory, 0o755)
  process.env.TMPDIR = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
}
