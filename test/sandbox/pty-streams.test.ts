// A terminal's streams: complete, bounded, counted; and how it is hung up.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxPool, sandbox, type TerminalProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { firstText } from '../support/boxes.js'
import { closing, opened } from '../support/open-boxes.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('pty streams', { warmUp: true })
const MIB = 2 ** 20

async function script(t: TestContext, commands: string, where: Pick<Sandbox, 'spawn'> = sandbox()) {
  const child = await where.spawn('sh', ['-c', commands], { pty: true })
  t.cleanUp(() => child[Symbol.asyncDispose]())
  return child
}

/** Lets nothing through that the terminal would change, and waits until that is so. */
const RAW = 'stty raw -echo; echo ready; '
const ready = (child: TerminalProcess) => firstText(child.stdout, 'ready\n')

/** CPU time of all threads of this process, in milliseconds, that a stretch of time costs. */
async function ownCpuMs(durationMs: number): Promise<number> {
  const before = process.cpuUsage()
  await sleep(durationMs)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const terminalsOfNode = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^\/dev\/(pts\/)?ptmx/.test(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      return false // the directory's own
    }
  }).length

test('all of 1 MiB arrives, and then the end', async (t) => {
  const child = await script(t, `head -c ${MIB} /dev/zero | tr '\\0' x`)
  const shown = await buffer(child.stdout)
  assert.is(shown.length, MIB)
  assert.ok(shown.every((byte) => byte === 0x78))
  assert.ok((await child.wait()).ok)
})

test('all of 1 MiB that is typed arrives, where the terminal is raw', async (t) => {
  const typed = randomBytes(MIB)
  const child = await script(t, `${RAW} head -c ${MIB} | sha1sum`)
  await ready(child)
  child.stdin.write(typed)
  assert.is(await firstText(child.stdout, '-\n'), `${createHash('sha1').update(typed).digest('hex')}  -\n`)
  assert.ok((await child.wait()).ok)
})

test('the result does not wait for a reader, who has the output afterwards', async (t) => {
  const child = await script(t, 'head -c 20000 /dev/zero; echo end')
  assert.ok((await child.wait()).ok)
  const late = await buffer(child.stdout)
  assert.is(late.length, 20_005)
  const asked = await script(t, 'echo hello')
  await asked.closed
  assert.is(await text(asked.stdout), 'hello\r\n')
})

test('nobody reading holds the program up, and costs nothing', async (t) => {
  const child = await script(t, 'yes')
  child.stdout.pause()
  await sleep(300)
  assert.ok((await ownCpuMs(500)) < 250, 'the library is busy')
  child.kill('SIGKILL')
  await child.wait()
  const rest = await buffer(child.stdout)
  assert.ok(rest.length > 0 && rest.length <= 512 * 1024, `${rest.length} bytes were on their way`)
})

test('a reader who is slow when the program has ended costs nothing either', async (t) => {
  for (const pty of [true, false]) {
    const child = await sandbox()
      .limits({ output: '10MiB' })
      .spawn('sh', ['-c', 'head -c 150000 /dev/zero & head -c 150000 /dev/zero; exec 2>&-; wait'], { pty })
    t.cleanUp(() => child[Symbol.asyncDispose]())
    child.stdout?.pause()
    await sleep(300)
    child.kill('SIGKILL')
    await child.wait()
    assert.ok((await ownCpuMs(500)) < 250, `the library is busy, pty: ${pty}`)
    child.stdout?.resume()
    await once(child.stdout as NodeJS.ReadableStream, 'end')
  }
})

test('typing to a program that does not read is told by write(), and stops nobody', async (t) => {
  const child = await script(t, `${RAW} sleep 60`)
  await ready(child)
  let accepted = 0
  // Until nothing more is taken for a while.
  for (; accepted < MIB; accepted += 16_384)
    if (!child.stdin.write(Buffer.alloc(16_384)))
      if (!(await Promise.race([once(child.stdin, 'drain'), sleep(500)]))) break
  assert.ok(accepted < MIB, `${accepted} bytes without back-pressure`)
  assert.ok((await ownCpuMs(300)) < 150, 'the library is busy')
})

test('output is counted to the byte, and more than the limit ends the program', async (t) => {
  const limited = sandbox().limits({ output: 50_000 })
  const within = await script(t, 'head -c 50000 /dev/zero', limited)
  assert.is((await buffer(within.stdout)).length, 50_000)
  assert.ok((await within.wait()).ok)
  const last = await script(t, 'head -c 50001 /dev/zero', limited)
  assert.is((await last.wait()).outcome, 'output-limit')
  assert.is((await buffer(last.stdout)).length, 50_000)
  const endless = await script(t, 'yes', limited)
  assert.is((await buffer(endless.stdout)).length, 50_000)
  assert.is((await endless.wait()).outcome, 'output-limit')
})

test('what is echoed counts as output', async (t) => {
  const child = await script(t, 'cat >/dev/null', sandbox().limits({ output: 100 }))
  for (let i = 0; i < 20; i++) child.stdin.write('0123456789\n')
  assert.is((await child.wait()).outcome, 'output-limit')
})

test('destroying stdout hangs up: the program is told by SIGHUP', async (t) => {
  const plain = await script(t, 'echo ready; sleep 60')
  await firstText(plain.stdout, 'ready\r\n')
  plain.stdout.destroy()
  assert.is((await plain.wait()).signal, 'SIGHUP')
  const trapping = await script(t, 'trap "exit 9" HUP; echo ready; while :; do sleep 0.05; done')
  await firstText(trapping.stdout, 'ready\r\n')
  trapping.stdout.destroy()
  assert.is((await trapping.wait()).exitCode, 9)
  assert.not(trapping.resize({ cols: 10, rows: 10 }))
  const unread = await script(t, 'yes')
  await firstText(unread.stdout, 'y\r\n')
  unread.stdout.pause()
  await sleep(100)
  unread.stdout.destroy()
  assert.is((await unread.wait()).signal, 'SIGHUP')
})

test('typing after the end, or into a terminal that was hung up, makes no error', async (t) => {
  const over = await script(t, 'exit 3')
  const failures: unknown[] = []
  over.stdin.on('error', (error) => failures.push(error))
  await over.wait()
  over.stdin.write('x')
  await over.closed
  over.stdin.write('y')
  const hung = await script(t, 'trap "" HUP; echo ready; sleep 0.3')
  await firstText(hung.stdout, 'ready\r\n')
  hung.stdout.destroy()
  await sleep(50)
  hung.stdin.write('x')
  assert.ok((await hung.wait()).ok)
  assert.equal(
    failures.filter((error) => (error as NodeJS.ErrnoException).code !== 'EPIPE'),
    [],
  )
})

test('a program that closes its terminal lives on, and may open it again', async (t) => {
  const child = await script(
    t,
    `echo before; exec </dev/null >/dev/null 2>&1; sleep 0.2
     echo back >/dev/pts/0; sleep 0.2
     exec >/dev/pts/0; head -c 200000 /dev/zero; exec >/dev/null; sleep 0.1; exit 4`,
  )
  const shown = await text(child.stdout)
  assert.is(shown.replaceAll('\0', ''), 'before\r\nback\r\n')
  assert.is(shown.length, 'before\r\nback\r\n'.length + 200_000)
  assert.is((await child.wait()).exitCode, 4)
})

test('what runs in the background ends with its command, and so does the terminal', async (t) => {
  const child = await script(t, 'trap "" HUP; (sleep 60; echo late) & echo hi')
  assert.is(await text(child.stdout), 'hi\r\n')
  assert.ok((await child.wait()).ok)
})

test('another command of the box that has the terminal open does not keep it', async (t) => {
  const where = await opened(t, sandbox())
  const child = await script(t, 'echo hi; read go; echo bye', where)
  await firstText(child.stdout, 'hi\r\n')
  const other = await where.spawn('sh', ['-c', 'exec 3<>/dev/pts/0; echo open; cat <&3; echo gone; sleep 60'])
  t.cleanUp(() => other[Symbol.asyncDispose]())
  await firstText(other.stdout, 'open\n')
  child.stdin.write('go\n')
  const gone = firstText(other.stdout, 'gone\n')
  assert.match(await text(child.stdout), /bye\r\n$/)
  assert.ok((await child.wait()).ok)
  assert.match(await gone, /gone\n$/)
})

test('an abort ends it, and disposing does', async (t) => {
  const controller = new AbortController()
  const child = await sandbox().spawn('sh', ['-i'], { pty: true, signal: controller.signal })
  t.cleanUp(() => child[Symbol.asyncDispose]())
  controller.abort()
  assert.is((await child.wait()).outcome, 'aborted')
  const disposed = await script(t, 'sleep 60')
  await disposed[Symbol.asyncDispose]()
  assert.is((await disposed.wait()).outcome, 'aborted')
})

test('a pool has terminals for its jobs, where a box serves one after another, too', async (t) => {
  const pool = closing(t, new SandboxPool({ recipe: sandbox(), concurrency: 2, warm: 1, reuse: true }))
  for (let round = 0; round < 3; round++) {
    const child = await pool.spawn('sh', ['-c', 'stty size; tty; ls /dev/pts'], { pty: { cols: 70 + round } })
    assert.match(await text(child.stdout), new RegExp(`^24 ${70 + round}\r\n/dev/pts/0\r\n0 +ptmx\r\n$`))
    assert.ok((await child.wait()).ok)
  }
})

test('forty at once, half of them killed, leave nothing', async (t) => {
  const children = await Promise.all(Array.from({ length: 40 }, (_, i) => script(t, `echo ${i}; read never`)))
  const shown = await Promise.all(children.map(({ stdout }) => firstText(stdout, '\r\n')))
  assert.equal(
    shown,
    children.map((_, i) => `${i}\r\n`),
  )
  assert.ok(terminalsOfNode() >= 40)
  for (const [i, child] of children.entries()) i % 2 === 0 ? child.kill('SIGKILL') : child.stdin.end('end\n')
  await Promise.all(children.map((child) => child.wait()))
  await Promise.all(children.map((child) => child.closed))
  for (const { stdout } of children) stdout.destroy()
  for (let i = 0; terminalsOfNode() > 0 && i < 100; i++) await sleep(50)
  assert.is(terminalsOfNode(), 0)
})

test.run()
