// stdin, stdout and stderr as Node streams: complete, bounded, quiet about programs that do not listen.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, runProbe, spawnProbe } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('streams', { warmUp: true })
const MIB = 2 ** 20

/** A stream that is not there reads as empty, and the test that wanted it fails. */
const out = ({ stdout }: SandboxProcess) => stdout ?? Readable.from([])
const err = ({ stderr }: SandboxProcess) => stderr ?? Readable.from([])

function write(child: SandboxProcess, data: string | Buffer): void {
  if (!child.stdin) throw new Error('stdin is no pipe')
  child.stdin.end(data)
}

test(
  '1 GiB goes through cat unharmed, with flat memory',
  async (t) => {
    const size = 1024 * MIB
    const block = randomBytes(MIB)
    const child = await spawnProbe(t, box({ memory: '8MiB' }), ['cat'])
    if (!child.stdin || !child.stdout) throw new Error('no pipes')
    const source = Readable.from(
      (function* () {
        for (let left = size; left > 0; left -= block.length) yield block
      })(),
      { objectMode: false },
    )
    const received = createHash('sha1')
    let length = 0
    let peak = 0
    const before = process.memoryUsage().rss
    await Promise.all([
      pipeline(source, child.stdin),
      pipeline(child.stdout, async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          received.update(chunk)
          length += chunk.length
          if (length % (16 * MIB) < chunk.length) peak = Math.max(peak, process.memoryUsage().rss)
        }
      }),
    ])
    assert.is(length, size)
    const expected = createHash('sha1')
    for (let left = size; left > 0; left -= block.length) expected.update(block)
    assert.is(received.digest('hex'), expected.digest('hex'))
    assert.ok((await child.wait()).ok)
    assert.ok(peak - before < 160 * MIB, `Node grew by ${Math.round((peak - before) / MIB)} MiB`)
  },
  { needs: controller('memory'), timeoutMs: 60_000 },
)

test('nobody reading holds the program up, after no more than the buffers hold', async (t) => {
  const child = await spawnProbe(t, box(), ['write-forever'])
  if (!child.stdout) throw new Error('no pipe')
  // Made, but not read.
  child.stdout.pause()
  await sleep(200)
  const cpu = (await child.stats()).cpuTimeMs ?? 0
  await sleep(200)
  assert.ok(((await child.stats()).cpuTimeMs ?? 0) - cpu < 20, 'the program goes on writing')
  assert.ok(child.stdout.readableLength <= 256 * 1024, `${child.stdout.readableLength} bytes are buffered`)
  child.kill('SIGKILL')
  await child.wait()
  const rest = await buffer(child.stdout)
  assert.ok(rest.length > 0 && rest.length <= 512 * 1024, `${rest.length} bytes were on their way`)
})

test('writing to a program that does not read is told by write() and bounded by the pipe', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  const stdin = child.stdin
  if (!stdin) throw new Error('no pipe')
  let accepted = 0
  while (stdin.write(Buffer.alloc(65536))) accepted += 65536
  assert.ok(accepted < MIB, `${accepted} bytes without back-pressure`)
  let drained = false
  stdin.once('drain', () => {
    drained = true
  })
  await sleep(100)
  assert.not(drained)
})

test('a program that never reads its stdin, or closes it, makes no error', async (t) => {
  const failures: unknown[] = []
  for (const args of [
    ['exit', '0'],
    ['say', 'x', ',', 'sleep', '0.05'],
  ]) {
    const child = await spawnProbe(t, box(), args)
    child.stdin?.on('error', (error) => failures.push(error))
    child.stdin?.write(Buffer.alloc(4 * MIB))
    child.stdin?.end()
    assert.ok((await child.wait()).ok)
    await child.closed
    // Without a listener there must be no uncaught exception either.
    const quiet = await spawnProbe(t, box(), args)
    quiet.stdin?.write(Buffer.alloc(4 * MIB))
    assert.ok((await quiet.wait()).ok)
    quiet.stdin?.write('after the end')
    await quiet.closed
  }
  await sleep(20)
  assert.equal(
    failures.filter((error) => (error as NodeJS.ErrnoException).code !== 'EPIPE'),
    [],
  )
})

test("an error that is not the program's reaches the listeners of stdin", async (t) => {
  const child = await spawnProbe(t, box(), ['cat'])
  const heard = once(child.stdin ?? Readable.from([]), 'error')
  child.stdin?.destroy(new Error('the disk is on fire'))
  const [error] = await heard
  assert.is((error as Error).message, 'the disk is on fire')
  assert.ok((await child.wait()).ok, 'the program saw the end of its input')
})

test('input ends: a program that reads to the end comes to its end', async (t) => {
  const child = await spawnProbe(t, box(), ['cat'])
  write(child, '')
  assert.is(await text(out(child)), '')
  assert.ok((await child.wait()).ok)
})

test('stdout and stderr are apart, and each is in order', async (t) => {
  const args = Array.from({ length: 50 }, (_, i) => ['say', `line ${i}`, ',', 'write-bytes', '3', '2', ',']).flat()
  const child = await spawnProbe(t, box(), args.slice(0, -1))
  const [stdout, stderr] = await Promise.all([text(out(child)), text(err(child))])
  assert.is(stdout, Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join(''))
  assert.is(stderr, 'xxx'.repeat(50))
})

test('wait() does not need the streams to be read, and what was in them is still there', async (t) => {
  const child = await spawnProbe(t, box(), ['say', 'still here', ',', 'write-bytes', '40000', '2'])
  await child.wait()
  await child.closed
  await sleep(50)
  // First touched now.
  assert.is(await text(out(child)), 'still here\n')
  assert.is((await buffer(err(child))).length, 40000)
  assert.is(child.stdout, child.stdout, 'the same stream every time')
})

test('output of a program that was killed is kept up to then', async (t) => {
  const child = await spawnProbe(t, box({ wallTime: 200 }), ['say', 'last words', ',', 'sleep', '60'])
  await child.wait()
  await child.closed
  assert.is(await text(out(child)), 'last words\n')
})

test('stdin that is first touched after the end swallows what is written', async (t) => {
  const child = await spawnProbe(t, box(), ['exit', '0'])
  await child.wait()
  await child.closed
  assert.ok(child.stdin)
  assert.ok(child.stdin.destroyed)
})

test('streams that nobody touches leave no descriptor behind', async (t) => {
  // The leak check after the test counts them.
  const children = await Promise.all(Array.from({ length: 20 }, () => spawnProbe(t, box(), ['say', 'unheard'])))
  for (const child of children) await child.wait()
  await Promise.all(children.map((child) => child.closed))
})

test('iterating over stdout while feeding stdin is a conversation', async (t) => {
  const child = await spawnProbe(t, box(), ['cat'])
  for (const word of ['one', 'two', 'three']) {
    child.stdin?.write(word)
    assert.is(await firstText(child.stdout), word)
  }
  child.stdin?.end()
  assert.ok((await child.wait()).ok)
})

test('bytes come through as they are', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))
  const child = await spawnProbe(t, box(), ['cat'])
  write(child, bytes)
  assert.equal(await buffer(out(child)), bytes)
  const result = await box().run('/probe', ['cat'], { input: bytes, encoding: 'buffer' })
  assert.equal(result.stdout, bytes)
})

test('a background process that keeps stdout open does not outlive the program', async (t) => {
  const child = await spawnProbe(t, box(), ['orphan', '60'])
  const startedMs = performance.now()
  assert.match(await text(out(child)), /^\d+\n$/)
  assert.ok(performance.now() - startedMs < 5000, 'stdout ended with the sandbox')
})

test('the whole of a large output arrives, however the program ends', async () => {
  const size = 8 * MIB
  const result = await runProbe(box(), 'write-bytes', String(size), ',', 'exit', '5')
  assert.is(result.exitCode, 5)
  assert.is(result.stdout.length, size)
})

test.run()
