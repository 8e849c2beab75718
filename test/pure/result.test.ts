// Classification of endings: each outcome told apart from its neighbours, so that a swap of any two fails.
import * as assert from 'uvu/assert'
import type { CgroupFigures } from '../../src/cgroup/figures.js'
import { CAUSE } from '../../src/encode/wire.js'
import { SandboxExecutionError } from '../../src/errors.js'
import type { LimitsRecipe } from '../../src/recipe.js'
import { type Ending, makeResult } from '../../src/result.js'
import type { SandboxOutcome, SandboxUsage } from '../../src/result-types.js'
import { suite } from '../support/suite.js'

const test = suite('result')

const USAGE: SandboxUsage = {
  wallTimeMs: 120,
  cpuTimeMs: 80,
  userTimeMs: 60,
  systemTimeMs: 20,
  memoryPeakBytes: 3 * 2 ** 20,
  pidsPeak: undefined,
  readBytes: 0,
  writtenBytes: 0,
  majorFaults: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
}

const EXIT_0 = 0
const EXIT_3 = 3 << 8
const KILLED = 9
const SEGFAULT_WITH_CORE = 11 | 0x80
const XFSZ = 25

const LIMITS: LimitsRecipe = {
  cpuTimeMs: 1000,
  wallTimeMs: 2000,
  memoryBytes: 64 * 2 ** 20,
  pids: 16,
  outputBytes: 2 ** 20,
  fileSizeBytes: 4096,
}

function result(part: Partial<Omit<Ending, 'usage'>> & { usage?: Partial<SandboxUsage> } = {}) {
  const { usage, ...rest } = part
  const ending = { status: EXIT_0, cause: 0, figures: {}, outputBytes: -1, limits: LIMITS, ...rest }
  return makeResult({ ...ending, usage: { ...USAGE, ...usage } }, {})
}

const OOM: CgroupFigures = { oomKills: 1 }
const REFUSED: CgroupFigures = { pidsRefused: 2 }

const OUTCOMES: [what: string, ending: Parameters<typeof result>[0], outcome: SandboxOutcome][] = [
  ['a program that exits with 0', {}, 'exited'],
  ['a program that exits with 3', { status: EXIT_3 }, 'exited'],
  ['a program that is killed', { status: KILLED }, 'signaled'],
  ['a program that crashes and dumps', { status: SEGFAULT_WITH_CORE }, 'signaled'],
  ['the wall time limit', { status: KILLED, cause: CAUSE.CAUSE_WALL }, 'wall-time-limit'],
  ['the CPU time limit', { status: KILLED, cause: CAUSE.CAUSE_CPU }, 'cpu-time-limit'],
  ['the output limit', { status: KILLED, cause: CAUSE.CAUSE_OUTPUT }, 'output-limit'],
  ['an abort', { status: KILLED, cause: CAUSE.CAUSE_ABORT }, 'aborted'],
  ['the memory limit on the program itself', { status: KILLED, figures: OOM }, 'memory-limit'],
  ['the memory limit on a child, and the parent fails', { status: EXIT_3, figures: OOM }, 'memory-limit'],
  ['the memory limit on a child, and the parent copes', { status: EXIT_0, figures: OOM }, 'exited'],
  ['the pids limit, and the program fails', { status: EXIT_3, figures: REFUSED }, 'pids-limit'],
  ['the pids limit, and the program copes', { status: EXIT_0, figures: REFUSED }, 'exited'],
  ['memory and pids: memory killed', { status: KILLED, figures: { ...OOM, ...REFUSED } }, 'memory-limit'],
  ['memory after the wall time limit', { status: KILLED, figures: OOM, cause: CAUSE.CAUSE_WALL }, 'wall-time-limit'],
  ['an OOM kill without a memory limit', { status: KILLED, figures: OOM, limits: {} }, 'signaled'],
  ['an OOM kill with memory unlimited', { status: KILLED, figures: OOM, limits: { memoryBytes: 'max' } }, 'signaled'],
  ['a refused process without a pids limit', { status: EXIT_3, figures: REFUSED, limits: {} }, 'exited'],
  ['no kill by the memory limit', { status: KILLED, figures: { oomKills: 0 } }, 'signaled'],
  ['no refusal by the pids limit', { status: KILLED, figures: { pidsRefused: 0 } }, 'signaled'],
]

for (const [what, ending, outcome] of OUTCOMES) {
  test(`${what} is ${outcome}`, () => assert.is(result(ending).outcome, outcome))
}

test('only a program that exits with 0, and by itself, is ok', () => {
  assert.is(result().ok, true)
  assert.is(result({ status: EXIT_3 }).ok, false)
  assert.is(result({ status: KILLED }).ok, false)
  assert.is(result({ cause: CAUSE.CAUSE_WALL }).ok, false)
})

test('an exit code is that of a program that exited, and a signal that of one that did not', () => {
  assert.equal([result({ status: EXIT_3 }).exitCode, result({ status: EXIT_3 }).signal], [3, undefined])
  assert.equal([result({ status: KILLED }).exitCode, result({ status: KILLED }).signal], [undefined, 'SIGKILL'])
  assert.is(result({ status: SEGFAULT_WITH_CORE }).signal, 'SIGSEGV')
  assert.is(result({ status: 6 }).signal, 'SIGABRT')
  assert.is(result({ status: 37 }).signal, 'SIGRTMIN+3')
  assert.is(result({ status: EXIT_3, figures: OOM }).exitCode, 3)
  assert.is(result({ status: 255 << 8 }).exitCode, 255)
})

test('limits that were crossed are named, even if they did not end the program', () => {
  assert.equal(result().limitsExceeded, [])
  assert.equal(result({ figures: OOM }).limitsExceeded, ['memory'])
  assert.equal(result({ figures: { ...OOM, ...REFUSED } }).limitsExceeded, ['memory', 'pids'])
  assert.equal(result({ cause: CAUSE.CAUSE_CPU }).limitsExceeded, ['cpuTime'])
  assert.equal(result({ usage: { cpuTimeMs: 1001 } }).limitsExceeded, ['cpuTime'])
  assert.equal(result({ usage: { wallTimeMs: 2001 } }).limitsExceeded, ['wallTime'])
  assert.equal(result({ outputBytes: 2 ** 20 }).limitsExceeded, [])
  assert.equal(result({ outputBytes: 2 ** 20 + 1 }).limitsExceeded, ['output'])
  assert.equal(result({ status: XFSZ }).limitsExceeded, ['fileSize'])
  assert.equal(result({ status: XFSZ, limits: {} }).limitsExceeded, [])
  assert.equal(result({ figures: { ...OOM, ...REFUSED }, limits: {}, usage: { wallTimeMs: 1e9 } }).limitsExceeded, [])
})

const SENTENCES: [Parameters<typeof result>[0], RegExp][] = [
  [{}, /^The program exited normally, after 120 ms \(80 ms of CPU time, memory peak 3 MiB\)\.$/],
  [{ status: EXIT_3 }, /^The program exited with code 3, after 120 ms/],
  [{ status: KILLED }, /^The program was ended by SIGKILL, after/],
  [{ status: KILLED, figures: OOM, limits: {} }, /SIGKILL: the host ran out of memory/],
  [{ status: KILLED, cause: CAUSE.CAUSE_WALL }, /wall time limit of 2 s, after/],
  [{ status: KILLED, cause: CAUSE.CAUSE_CPU }, /CPU time limit of 1 s, after/],
  [{ status: KILLED, cause: CAUSE.CAUSE_OUTPUT }, /output limit of 1 MiB, after/],
  [{ status: KILLED, cause: CAUSE.CAUSE_ABORT }, /the caller aborted it, after/],
  [
    { status: KILLED, figures: OOM },
    /memory limit of 64 MiB: the kernel killed 1 process, and it was ended by SIGKILL, after/,
  ],
  [
    { status: EXIT_3, figures: REFUSED },
    /limit of 16 processes: .* another one 2 times, and it exited with code 3, after/,
  ],
  [{ figures: REFUSED }, /exited normally, having crossed its pids limit, after/],
]

for (const [ending, sentence] of SENTENCES) {
  test(`it says ${sentence.source}`, () => assert.match(result(ending).explain(), sentence))
}

test('throwIfFailed gives the result back, or throws with it', () => {
  const good = result()
  assert.is(good.throwIfFailed(), good)
  const bad = result({ status: EXIT_3 })
  try {
    bad.throwIfFailed()
    assert.unreachable()
  } catch (error) {
    assert.instance(error, SandboxExecutionError)
    if (!(error instanceof SandboxExecutionError)) return
    assert.is(error.result, bad)
    assert.is(error.code, 'ERR_SANDBOX_PROGRAM_FAILED')
    assert.is(error.message, bad.explain())
    assert.match(error.stack ?? '', /result\.test/)
  }
})

test('it is frozen, carries its output, and shows no inner state', () => {
  const made = makeResult(
    { status: 0, cause: 0, usage: USAGE, figures: {}, outputBytes: 2, limits: {} },
    { stdout: 'hi', stderr: '' },
  )
  assert.is(made.stdout, 'hi')
  assert.ok(Object.isFrozen(made) && Object.isFrozen(made.usage))
  assert.equal(Object.keys(made).sort(), [
    'exitCode',
    'limitsExceeded',
    'ok',
    'outcome',
    'signal',
    'stderr',
    'stdout',
    'usage',
  ])
})

test.run()
