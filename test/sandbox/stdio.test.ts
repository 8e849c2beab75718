// Where the standard streams can go, and what run() makes of them: input, encodings, both outputs at once.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, createReadStream, createWriteStream, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { SandboxSetupError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs, runProbe, spawnProbe } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { suite } from '../support/suite.js'

const test = suite('stdio', { warmUp: true })
const MIB = 2 ** 20
/** Copies stdin to stdout and says something on stderr. */
const ECHO = ['cat', ',', 'write-bytes', '3', '2']

test('run drains stdout and stderr at once, whichever is full first', async () => {
  // 256 KiB each: four times what a pipe holds, in turns and in either order.
  const turns = (first: string, second: string) =>
    Array.from({ length: 16 }, () => ['write-bytes', '16384', first, ',', 'write-bytes', '16384', second, ',']).flat()
  const orders = [
    turns('1', '2'),
    turns('2', '1'),
    ['write-bytes', '262144', '2', ',', 'write-bytes', '262144', '1', ','],
    ['write-bytes', '262144', '1', ',', 'write-bytes', '262144', '2', ','],
  ]
  for (const args of orders) {
    const result = await runProbe(box({ wallTime: '10s' }), ...args.slice(0, -1))
    assert.ok(result.ok, result.explain())
    assert.is(result.stdout.length, 262144)
    assert.is(result.stderr.length, 262144)
  }
})

test('10 MiB of input come back as 10 MiB of output', async () => {
  const input = randomBytes(10 * MIB)
  const result = await box().run('/probe', ['cat'], { input, encoding: 'buffer' })
  assert.ok(result.ok, result.explain())
  assert.ok(input.equals(result.stdout))
})

test('input that the program does not read is no error', async () => {
  for (const input of ['short', 'x'.repeat(MIB)]) {
    assert.ok((await box().run('/true', [], { input })).ok)
  }
})

test('without input stdin is empty', async () => {
  const result = await runProbe(box(), 'cat', ',', 'say', 'end')
  assert.is(result.stdout, 'end\n')
  assert.is((await box().run('/probe', ['cat'], { input: '' })).stdout, '')
})

test('output is text unless the caller wants another encoding', async () => {
  const input = 'grüße €𝄞'
  const run = (options: { encoding?: BufferEncoding } = {}) => box().run('/probe', ['cat'], { input, ...options })
  assert.is((await run()).stdout, input)
  for (const encoding of ['hex', 'base64', 'latin1', 'utf16le'] as const) {
    assert.is((await run({ encoding })).stdout, Buffer.from(input).toString(encoding))
  }
  const { stdout, stderr } = await box().run('/probe', ['cat'], { input, encoding: 'buffer' })
  assert.equal([stdout, stderr], [Buffer.from(input), Buffer.alloc(0)])
})

test('a character that arrives in two pieces is one', async () => {
  const input = 'é'.repeat(100_000)
  assert.is((await box().run('/probe', ['cat'], { input: `x${input}` })).stdout, `x${input}`)
})

test('files by their paths: stdin is read, stdout is emptied first, append adds', async (t) => {
  const directory = t.tempDir()
  const [input, output, log] = ['input', 'output', 'log'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(input, 'from a file')
  writeFileSync(output, 'something longer that was there before')
  writeFileSync(log, 'earlier ')
  const child = await spawnProbe(t, box(), ECHO, {
    stdin: input,
    stdout: { path: output },
    stderr: { path: log, append: true },
  })
  assert.equal([child.stdin, child.stdout, child.stderr], [null, null, null])
  assert.ok((await child.wait()).ok)
  assert.is(readFileSync(output, 'utf8'), 'from a file')
  assert.is(readFileSync(log, 'utf8'), 'earlier xxx')
})

test("files are opened with the caller's rights, where the program itself sees nothing of them", async (t) => {
  const path = join(t.tempDir(), 'private')
  writeFileSync(path, 'secret', { mode: 0o600 })
  const child = await spawnProbe(t, box(), ['cat', ',', 'try-open', path], { stdin: path })
  assert.is(await text(child.stdout ?? Readable.from([])), 'secretENOENT\n')
})

test('descriptors and streams that have one', async (t) => {
  const path = join(t.tempDir(), 'file')
  writeFileSync(path, 'input')
  const input = openSync(path, 'r')
  const output = createWriteStream(`${path}.out`)
  await once(output, 'open')
  const child = await spawnProbe(t, box(), ECHO, {
    stdin: input,
    stdout: output as unknown as { fd: number },
    stderr: 'ignore',
  })
  // They are the caller's, who may close them as soon as the program runs.
  closeSync(input)
  await new Promise((done) => output.close(done))
  assert.ok((await child.wait()).ok)
  assert.is(readFileSync(`${path}.out`, 'utf8'), 'input')
})

test('one descriptor can be stdout and stderr', async (t) => {
  const path = join(t.tempDir(), 'both')
  const fd = openSync(path, 'w')
  t.cleanUp(() => closeSync(fd))
  const child = await spawnProbe(t, box(), ['say', 'out', ',', 'write-bytes', '3', '2'], { stdout: fd, stderr: fd })
  await child.wait()
  assert.is(readFileSync(path, 'utf8'), 'out\nxxx')
})

test("'ignore' is /dev/null, in both directions", async (t) => {
  const child = await spawnProbe(t, box(), ['fds', ',', 'cat', ',', 'write-bytes', '99999'], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  assert.equal([child.stdin, child.stdout, child.stderr], [null, null, null])
  assert.ok((await child.wait()).ok)
})

test("'inherit' is what Node itself has", async (t) => {
  const input = join(t.tempDir(), 'input')
  writeFileSync(input, 'inherited')
  const { code, stdout, stderr } = await runNode(
    `import { sandbox } from 'cofferdam'
     const stdio = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }
     const child = await sandbox().rootfs(process.argv[1]).spawn('/probe', ${JSON.stringify(ECHO)}, stdio)
     if (child.stdin || child.stdout || child.stderr) throw new Error('streams')
     process.exitCode = (await child.wait()).exitCode`,
    { args: [probeRootfs], before: `exec < ${input}` },
  )
  assert.equal({ code, stdout, stderr }, { code: 0, stdout: 'inherited', stderr: 'xxx' })
})

test('a file that cannot be opened is a typed error, and nothing runs', async (t) => {
  const directory = t.tempDir()
  const cases = [
    [{ stdin: join(directory, 'missing') }, 'ENOENT'],
    [{ stdout: join(directory, 'missing', 'file') }, 'ENOENT'],
    [{ stdout: { path: directory } }, 'EISDIR'],
    [{ stderr: 9999 }, 'EBADF'],
  ] as const
  for (const [options, code] of cases) {
    const error = await box()
      .spawn('/true', [], options)
      .catch((error) => error)
    assert.instance(error, SandboxSetupError, JSON.stringify(options))
    assert.is(error.step, 'stdio')
    assert.is(error.code, code)
  }
})

test('what is no place for a stream is refused by name', async (t) => {
  const notOpen = createReadStream(join(t.tempDir(), 'missing'))
  notOpen.on('error', () => {})
  const bad: [option: unknown, message: RegExp][] = [
    ['pip', /Did you mean 'pipe'/],
    ['file.txt', /a path with a slash/],
    ['', /'pipe', 'ignore', 'inherit'/],
    [-1, /descriptor|from 0/],
    [1.5, /integer|whole/],
    [null, /'pipe', 'ignore', 'inherit'/],
    [{}, /'pipe', 'ignore', 'inherit'/],
    [{ path: '' }, /path/],
    [{ path: 'a\0b' }, /NUL/i],
    [{ path: '/x', appendd: true }, /append/],
    [notOpen, /open/],
  ]
  for (const name of ['stdin', 'stdout', 'stderr']) {
    for (const [option, message] of bad) {
      const error = await box()
        .spawn('/true', [], { [name]: option })
        .catch((error) => error)
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${name}: ${String(option)} gave ${error}`)
      assert.match(error.message, name)
      assert.match(error.message, message)
    }
  }
})

test.run()
