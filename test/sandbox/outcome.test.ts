// result.outcome: each way to end, by a real program; the table fails when any two of them are swapped.
import { basename } from 'node:path'
import { type Limits, SandboxExecutionError, type SandboxResult } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, runProbe, spawnProbe } from '../support/boxes.js'
import { controller, cpuClock, type Need } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('outcome', { warmUp: true })

interface Ending {
  limits?: Limits
  args: string[]
  expected: Pick<SandboxResult, 'outcome' | 'exitCode' | 'signal' | 'ok'>
  exceeded?: string[]
  /** The sentence up to the figures. */
  explained: string
  needs?: Need | readonly Need[]
}

const killed = { exitCode: undefined, signal: 'SIGKILL', ok: false } as const

const ENDINGS: Record<string, Ending> = {
  success: {
    args: ['exit', '0'],
    expected: { outcome: 'exited', exitCode: 0, signal: undefined, ok: true },
    explained: 'The program exited normally, after ',
  },
  'exit code 1': {
    args: ['exit', '1'],
    expected: { outcome: 'exited', exitCode: 1, signal: undefined, ok: false },
    explained: 'The program exited with code 1, after ',
  },
  'the highest exit code': {
    args: ['exit', '255'],
    expected: { outcome: 'exited', exitCode: 255, signal: undefined, ok: false },
    explained: 'The program exited with code 255, after ',
  },
  'an exit code that looks like a signal': {
    args: ['exit', '137'],
    expected: { outcome: 'exited', exitCode: 137, signal: undefined, ok: false },
    explained: 'The program exited with code 137, after ',
  },
  'a segmentation fault': {
    args: ['signal', '11'],
    expected: { outcome: 'signaled', exitCode: undefined, signal: 'SIGSEGV', ok: false },
    explained: 'The program was ended by SIGSEGV, after ',
  },
  'abort()': {
    args: ['abort'],
    expected: { outcome: 'signaled', exitCode: undefined, signal: 'SIGABRT', ok: false },
    explained: 'The program was ended by SIGABRT, after ',
  },
  'a real-time signal': {
    args: ['signal', '37'],
    expected: { outcome: 'signaled', exitCode: undefined, signal: 'SIGRTMIN+3', ok: false },
    explained: 'The program was ended by SIGRTMIN+3, after ',
  },
  'SIGKILL of its own, with every limit set and none reached': {
    limits: { memory: '64MiB', pids: 10, cpuTime: 5000, wallTime: 10000, output: 1000, fileSize: 1000 },
    needs: [controller('memory'), controller('pids'), cpuClock],
    args: ['signal', '9'],
    expected: { outcome: 'signaled', ...killed },
    explained: 'The program was ended by SIGKILL, after ',
  },
  'the wall time limit': {
    limits: { wallTime: 150 },
    args: ['sleep', '60'],
    expected: { outcome: 'wall-time-limit', ...killed },
    exceeded: ['wallTime'],
    explained: 'The program was ended at its wall time limit of 150 ms, after ',
  },
  'the CPU time limit': {
    limits: { cpuTime: 100 },
    needs: cpuClock,
    args: ['spin'],
    expected: { outcome: 'cpu-time-limit', ...killed },
    exceeded: ['cpuTime'],
    explained: 'The program was ended at its CPU time limit of 100 ms, after ',
  },
  'the memory limit': {
    limits: { memory: '8MiB' },
    args: ['eat', String(32 * 2 ** 20)],
    expected: { outcome: 'memory-limit', ...killed },
    exceeded: ['memory'],
    explained:
      'The program hit its memory limit of 8 MiB: the kernel killed 1 process, and it was ended by SIGKILL, after ',
    needs: controller('memory'),
  },
  'the memory limit, in a child': {
    limits: { memory: '8MiB' },
    args: ['eat-child', String(32 * 2 ** 20)],
    expected: { outcome: 'memory-limit', exitCode: 3, signal: undefined, ok: false },
    exceeded: ['memory'],
    explained:
      'The program hit its memory limit of 8 MiB: the kernel killed 1 process, and it exited with code 3, after ',
    needs: controller('memory'),
  },
  'the pids limit': {
    limits: { pids: 2 },
    args: ['fork-n', '3', ',', 'exit', '4'],
    expected: { outcome: 'pids-limit', exitCode: 4, signal: undefined, ok: false },
    exceeded: ['pids'],
    explained:
      'The program hit its limit of 2 processes: the kernel refused it another one once, and it exited with code 4, after ',
    needs: controller('pids'),
  },
  'the output limit': {
    limits: { output: 100 },
    args: ['write-bytes', '101', ',', 'sleep', '60'],
    expected: { outcome: 'output-limit', ...killed },
    exceeded: ['output'],
    explained: 'The program was ended for writing more than its output limit of 100 bytes, after ',
  },
  'the file size limit, which is a signal': {
    limits: { fileSize: 100 },
    args: ['write-file', '/tmp/file', '101'],
    expected: { outcome: 'signaled', exitCode: undefined, signal: 'SIGXFSZ', ok: false },
    exceeded: ['fileSize'],
    explained: 'The program was ended by SIGXFSZ, having crossed its fileSize limit, after ',
  },
}

for (const [name, { limits, args, expected, exceeded = [], explained, needs }] of Object.entries(ENDINGS)) {
  test(
    `${name} is ${expected.outcome}`,
    async () => {
      const result = await runProbe(box(limits), ...args)
      const { outcome, exitCode, signal, ok } = result
      assert.equal({ outcome, exitCode, signal, ok }, expected, result.explain())
      assert.equal(result.limitsExceeded, exceeded)
      assert.ok(result.explain().startsWith(explained), `${result.explain()} does not start with: ${explained}`)
      assert.match(result.explain(), /, after [\d.]+ m?s \([\d.]+ m?s of CPU time, memory peak [\d.]+ \w+\)\.$/)
    },
    needs ? { needs } : {},
  )
}

test('an abort is aborted, not a signal', async () => {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 100)
  const result = await box().run('/probe', ['sleep', '60'], { signal: abort.signal })
  assert.is(result.outcome, 'aborted')
  assert.is(result.signal, 'SIGKILL')
  assert.not(result.ok)
  assert.equal(result.limitsExceeded, [])
  assert.ok(result.explain().startsWith('The program was ended because the caller aborted it, after '))
})

test(
  'a kill by the caller is what the program died of',
  async (t) => {
    const child = await spawnProbe(t, box({ cpuTime: 5000 }), ['sleep', '60'])
    assert.ok(child.kill('SIGKILL'))
    const result = await child.wait()
    assert.is(result.outcome, 'signaled')
    assert.is(result.signal, 'SIGKILL')
  },
  { needs: cpuClock },
)

test('a program that turns SIGTERM into an exit has exited', async (t) => {
  const child = await spawnProbe(t, box(), ['handle-term'])
  assert.is(await firstText(child.stdout), 'ready\n')
  child.kill()
  const result = await child.wait()
  assert.is(result.outcome, 'exited')
  assert.is(result.exitCode, 7)
})

test(
  'a limit that did not end the program is told beside how it ended',
  async () => {
    const result = await runProbe(box({ pids: 2, wallTime: 300 }), 'fork-n', '5', '60')
    assert.is(result.outcome, 'wall-time-limit')
    assert.equal([...result.limitsExceeded].sort(), ['pids', 'wallTime'])
    assert.match(result.explain(), 'at its wall time limit of 300 ms, having crossed its pids limit, after')
  },
  { needs: controller('pids') },
)

test('a child that dies does not decide how the program ended', async () => {
  const result = await runProbe(box(), 'in-child', 'signal', '11', ',', 'in-child', 'exit', '9')
  assert.is(result.stdout, 'signaled 11\nexited 9\n')
  assert.ok(result.ok, result.explain())
})

test('throwIfFailed returns a good result itself and throws any other with the whole result', async () => {
  const good = await box().run('/true')
  assert.is(good.throwIfFailed(), good)
  const bad = await runProbe(box(), 'say', 'before', ',', 'exit', '3')
  assert.throws(
    () => bad.throwIfFailed(),
    (error: unknown) =>
      error instanceof SandboxExecutionError &&
      error.sandboxCode === 'ERR_SANDBOX_PROGRAM_FAILED' &&
      error.result === bad &&
      error.message === bad.explain() &&
      Boolean(error.stack?.includes(basename(import.meta.url))),
  )
})

test('a result cannot be changed', async () => {
  const result = await box().run('/true')
  for (const part of [result, result.usage, result.limitsExceeded]) assert.ok(Object.isFrozen(part))
})

test.run()
