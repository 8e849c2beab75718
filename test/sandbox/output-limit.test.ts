// limits({ output }): exactly so many bytes get out, wherever the program writes them, and then it is over.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxResult } from 'cofferdam'
import * as assert from 'uvu/assert'
import { blockEventLoop, box, runProbe, spawnProbe } from '../support/boxes.js'
import { command } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('output limit', { warmUp: true })
const LIMIT = 100_000
const DEFAULT_RUN_OUTPUT = 64 * 2 ** 20

function assertExceeded(result: SandboxResult): void {
  assert.is(result.outcome, 'output-limit', result.explain())
  assert.equal(result.limitsExceeded, ['output'])
  assert.match(result.explain(), 'for writing more than its output limit of 97.7 KiB')
}

test('run keeps exactly the limit, of stdout and of stderr', async () => {
  const out = await runProbe(box({ output: LIMIT }), 'write-forever')
  assertExceeded(out)
  assert.is(out.stdout.length, LIMIT)
  const err = await runProbe(box({ output: LIMIT }), 'write-forever', '2')
  assertExceeded(err)
  assert.is(err.stderr.length, LIMIT)
})

test('stdout and stderr count together', async () => {
  const both = ['write-bytes', '60000', '1', ',', 'write-bytes', '60000', '2']
  const result = await runProbe(box({ output: LIMIT }), ...both)
  assertExceeded(result)
  assert.is(result.stdout.length + result.stderr.length, LIMIT)
  const within = await runProbe(box({ output: 120_000 }), ...both)
  assert.is(within.outcome, 'exited', within.explain())
})

test('output of exactly the limit is within it, one byte more is not', async () => {
  for (const size of [1, 4096, LIMIT]) {
    const exact = await runProbe(box({ output: size }), 'write-bytes', String(size))
    assert.is(exact.outcome, 'exited', exact.explain())
    assert.equal(exact.limitsExceeded, [])
    assert.is(exact.stdout.length, size)
    const more = await runProbe(box({ output: size }), 'write-bytes', String(size + 1))
    assert.is(more.outcome, 'output-limit', more.explain())
    assert.is(more.stdout.length, size)
  }
})

test('a program that has ended before its output was counted has crossed the limit all the same', async () => {
  for (let round = 0; round < 20; round++) {
    const result = await runProbe(box({ output: 10 }), 'write-bytes', '5000')
    assert.is(result.outcome, 'output-limit')
    assert.not(result.ok)
    assert.is(result.stdout.length, 10)
  }
})

test('a limit of 0 lets a silent program be, and ends one that says anything', async () => {
  assert.ok((await box({ output: 0 }).run('/true')).ok)
  const result = await runProbe(box({ output: 0 }), 'say', 'x')
  assert.is(result.outcome, 'output-limit')
  assert.is(result.stdout, '')
})

test('children count, and are ended, too', async () => {
  const result = await runProbe(box({ output: LIMIT }), 'in-child', 'write-forever', ',', 'sleep', '60')
  assertExceeded(result)
  assert.is(result.stdout.length, LIMIT)
})

test('a program that ignores SIGPIPE or writes nothing more is ended, too', async () => {
  const result = await runProbe(box({ output: 10 }), 'write-bytes', '20', ',', 'sleep', '60')
  assert.is(result.outcome, 'output-limit')
  assert.ok(result.usage.wallTimeMs < 5000, result.explain())
})

test('spawn: exactly the limit arrives in the streams', async (t) => {
  const child = await spawnProbe(t, box({ output: LIMIT }), ['write-forever'])
  const [stdout, stderr, result] = await Promise.all([
    buffer(child.stdout ?? Readable.from([])),
    text(child.stderr ?? Readable.from([])),
    child.wait(),
  ])
  assertExceeded(result)
  assert.is(stdout.length + stderr.length, LIMIT)
})

test('spawn: all of it arrives, too, when start and end are told in one go', async (t) => {
  // More than a pipe holds.
  const starting = spawnProbe(t, box({ output: LIMIT }), ['write-forever'], { stderr: 'ignore' })
  blockEventLoop(500)
  const { stdout } = await starting
  assert.is((await buffer(stdout ?? Readable.from([]))).length, LIMIT)
})

test('spawn: whoever reads late gets what was within the limit', async (t) => {
  const child = await spawnProbe(t, box({ output: 10_000 }), ['write-forever'])
  assert.is((await child.wait()).outcome, 'output-limit')
  await child.closed
  await sleep(50)
  assert.is((await buffer(child.stdout ?? Readable.from([]))).length, 10_000)
})

test('spawn: back-pressure reaches the program through the counting', async (t) => {
  const child = await spawnProbe(t, box({ output: '64MiB', wallTime: 600 }), ['write-forever'])
  // Nobody reads, so the limit cannot be reached.
  assert.is((await child.wait()).outcome, 'wall-time-limit')
})

test('into a file: exactly the limit is in it', async (t) => {
  const path = join(t.tempDir(), 'output')
  const child = await spawnProbe(t, box({ output: LIMIT }), ['write-forever'], { stdout: path, stderr: { path } })
  assertExceeded(await child.wait())
  await child.closed
  assert.is(statSync(path).size, LIMIT)
})

test('into a file that is added to: what was there does not count', async (t) => {
  const path = join(t.tempDir(), 'output')
  writeFileSync(path, 'before ')
  const stdout = { path, append: true }
  const child = await spawnProbe(t, box({ output: 10 }), ['write-bytes', '10'], { stdout })
  assert.is((await child.wait()).outcome, 'exited')
  await child.closed
  assert.is(readFileSync(path, 'utf8'), 'before xxxxxxxxxx')
})

test('into a descriptor of ours: exactly the limit is written to it', async (t) => {
  const path = join(t.tempDir(), 'output')
  const fd = openSync(path, 'w')
  try {
    const child = await spawnProbe(t, box({ output: LIMIT }), ['write-forever', '2'], { stderr: fd })
    assertExceeded(await child.wait())
    await child.closed
  } finally {
    closeSync(fd)
  }
  assert.is(statSync(path).size, LIMIT)
})

test(
  'a full pipe behind a descriptor holds up its own program and no other sandbox',
  async (t) => {
    const fifo = join(t.tempDir(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const filler = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    t.cleanUp(() => closeSync(filler))
    assert.throws(() => {
      for (;;) writeSync(filler, Buffer.alloc(4096))
    }, /EAGAIN/)
    const blocking = openSync(fifo, 'w')
    t.cleanUp(() => closeSync(blocking))
    // Should anything block after all, this makes room, so that the test can fail instead of hanging.
    const rescue = setTimeout(() => readSync(filler, Buffer.alloc(65536)), 3000)
    const stuck = await spawnProbe(t, box({ output: '1MiB' }), ['write-forever'], { stdout: blocking })
    await sleep(100)
    const startedMs = performance.now()
    const other = await box({ output: '1MiB' }).run('/true')
    const elapsedMs = performance.now() - startedMs
    clearTimeout(rescue)
    assert.ok(other.ok)
    assert.ok(elapsedMs < atMost(1500), `the other sandbox took ${elapsedMs} ms`)
    await stuck[Symbol.asyncDispose]()
  },
  { needs: command('mkfifo') },
)

test("what goes to 'ignore' counts, too", async (t) => {
  const child = await spawnProbe(t, box({ output: LIMIT, wallTime: '2s' }), ['write-forever'], { stdout: 'ignore' })
  assertExceeded(await child.wait())
})

test("run has a limit of 64 MiB of its own, which 'max' takes away", async () => {
  const bounded = await box({ wallTime: '15s' }).run('/probe', ['write-forever'], { encoding: 'buffer' })
  assert.is(bounded.outcome, 'output-limit', bounded.explain())
  assert.is(bounded.stdout.length, DEFAULT_RUN_OUTPUT)
  const size = DEFAULT_RUN_OUTPUT + 1
  const free = await box({ output: 'max' }).run('/probe', ['write-bytes', String(size)], { encoding: 'buffer' })
  assert.ok(free.ok, free.explain())
  assert.is(free.stdout.length, size)
})

test('spawn has no limit of its own', async (t) => {
  const child = await spawnProbe(t, box(), ['write-bytes', String(DEFAULT_RUN_OUTPUT + 1)], { stdout: 'ignore' })
  const result = await child.wait()
  assert.ok(result.ok, result.explain())
  assert.equal(result.limitsExceeded, [])
})

test.run()
