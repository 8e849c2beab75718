// A command on a terminal of its own: an interactive shell, its signals and its size, as somebody who sits there has them.
import { constants } from 'node:os'
import { text } from 'node:stream/consumers'
import { type PtySpawnOptions, type Sandbox, SandboxSetupError, sandbox, type TerminalProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { kernelFrom } from '../support/kinds.js'
import { opened } from '../support/open-boxes.js'
import { Screen } from '../support/screen.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('pty', { warmUp: true })
const PROMPT = '% '
/** With a prompt that is nobody's default. What is typed is echoed, so no line that is typed holds what is waited for. */
const recipe = sandbox().env({ PS1: PROMPT })

async function onTerminal(
  t: TestContext,
  where: Pick<Sandbox, 'spawn'>,
  args: readonly string[],
  pty: PtySpawnOptions['pty'] = true,
): Promise<{ child: TerminalProcess; screen: Screen }> {
  const child = await where.spawn('sh', args, { pty })
  t.cleanUp(() => child[Symbol.asyncDispose]())
  return { child, screen: new Screen(child.stdout) }
}

/** An interactive shell that has prompted. */
async function shell(t: TestContext, where: Pick<Sandbox, 'spawn'> = recipe, pty?: PtySpawnOptions['pty']) {
  const started = await onTerminal(t, where, ['-i'], pty)
  await started.screen.until(/% $/)
  return started
}

test('a shell prompts, echoes, answers and ends', async (t) => {
  const { child, screen } = await shell(t)
  await screen.ask(child, 'echo he""llo', /^echo he""llo\r\nhello\r\n% /)
  child.stdin.write('exit 7\n')
  const result = await child.wait()
  assert.is(result.exitCode, 7)
  assert.match(await screen.all(), /% exit 7\r\n$/)
})

test('the terminal is 0, 1 and 2, has a name of the sandbox’s own, and controls the session', async (t) => {
  const { child, screen } = await shell(t)
  await screen.ask(child, 'tty', /^tty\r\n\/dev\/pts\/0\r\n/)
  await screen.ask(child, 'for i in 0 1 2; do test -t $i && echo "$i:yes"; done', /0:yes\r\n1:yes\r\n2:yes\r\n/)
  await screen.ask(child, 'echo err""or >&2', /error\r\n/)
  await screen.ask(child, 'echo tt""y >/dev/tty; echo ag""ain >/dev/pts/0', /tty\r\nagain\r\n/)
  await screen.ask(child, 'ls /dev/pts', /0\s+ptmx\r\n/)
  await screen.ask(child, 'test -O /dev/pts/0 && echo mi""ne', /mine\r\n/)
})

test('a terminal has 80 columns and 24 rows where nothing else is said, and TERM is there', async (t) => {
  const plain = await onTerminal(t, sandbox(), ['-c', 'stty size; echo "TERM=$TERM"'])
  assert.is(await plain.screen.all(), '24 80\r\nTERM=xterm-256color\r\n')
  assert.equal([plain.child.cols, plain.child.rows], [80, 24])
  const wide = await onTerminal(t, sandbox(), ['-c', 'stty size'], { cols: 65535 })
  assert.is(await wide.screen.all(), '24 65535\r\n')
  const dumb = await onTerminal(t, sandbox().env({ TERM: 'dumb' }), ['-c', 'echo "$TERM"'])
  assert.is(await dumb.screen.all(), 'dumb\r\n')
})

test('without a terminal TERM is not there', async () => {
  const { stdout } = await sandbox().run('sh', ['-c', 'echo "[$TERM]"; tty'])
  assert.is(stdout, '[]\nnot a tty\n')
})

test('another size is seen by those who ask, and told by SIGWINCH', async (t) => {
  const { child, screen } = await shell(t, recipe, { cols: 90, rows: 30 })
  await screen.ask(child, 'stty size', /30 90\r\n/)
  assert.ok(child.resize({ cols: 100, rows: 40 }))
  await screen.ask(child, 'stty size', /40 100\r\n/)
  assert.ok(child.resize({ rows: 50 }))
  assert.equal([child.cols, child.rows], [100, 50])
  const script = 'trap "echo changed; stty size" WINCH; echo ready; while :; do sleep 0.05; done'
  const told = await onTerminal(t, sandbox(), ['-c', script])
  await told.screen.until(/ready\r\n/)
  assert.ok(told.child.resize({ cols: 33, rows: 11 }))
  await told.screen.until(/changed\r\n11 33\r\n/)
})

test('Ctrl-C interrupts what runs in the foreground, and the shell lives', async (t) => {
  const { child, screen } = await shell(t)
  child.stdin.write('cat\n')
  // Echoed, and read: it runs, and has nothing but the default for a SIGINT, other than a shell that is about to run it.
  await screen.ask(child, 'ping', /ping\r\nping\r\n/)
  child.stdin.write('\x03')
  await screen.until(/\^C/)
  // What is typed before that may still be read by the program that is ending.
  await screen.until(/% /)
  await screen.ask(child, 'echo "it was $?"', new RegExp(`it was ${128 + constants.signals.SIGINT}\r\n`))
})

test('Ctrl-C ends a program that is alone on its terminal', async (t) => {
  const child = await box().spawn('/probe', ['say', 'ready', ',', 'sleep', '60'], { pty: true })
  t.cleanUp(() => child[Symbol.asyncDispose]())
  await firstText(child.stdout)
  child.stdin.write('\x03')
  const result = await child.wait()
  assert.is(result.outcome, 'signaled')
  assert.is(result.signal, 'SIGINT')
})

test('Ctrl-Z stops what runs in the foreground, and fg goes on with it', async (t) => {
  const { child, screen } = await shell(t)
  await screen.ask(child, 'sh -c "echo wa""iting; read word; echo got:\\$word"', /waiting\r\n/)
  child.stdin.write('\x1a')
  await screen.until(/Stopped/)
  await screen.until(/% $/)
  await screen.ask(child, 'fg', /sh -c/)
  await screen.ask(child, 'on', /got:on\r\n/)
})

test('Ctrl-D ends a shell, and so does the end of stdin', async (t) => {
  const typed = await shell(t)
  typed.child.stdin.write('\x04')
  assert.is((await typed.child.wait()).exitCode, 0)
  const ended = await shell(t)
  ended.child.stdin.end('echo la""st\n')
  assert.is((await ended.child.wait()).exitCode, 0)
  assert.match(await ended.screen.all(), /last\r\n/)
})

test('the end of stdin ends a line that was begun, and then the input', async (t) => {
  const child = await sandbox().spawn('cat', [], { pty: true })
  t.cleanUp(() => child[Symbol.asyncDispose]())
  child.stdin.end('one\ntwo')
  // Typed and echoed, read and written: in what order is the kernel's business.
  assert.equal((await text(child.stdout)).match(/one|two/g)?.sort(), ['one', 'one', 'two', 'two'])
  assert.ok((await child.wait()).ok)
})

test('in a box there are several terminals at once, each with its number, size and end', async (t) => {
  const where = await opened(t, recipe)
  const all = await Promise.all([40, 50, 60].map((cols) => shell(t, where, { cols })))
  const names = await Promise.all(
    all.map(async ({ child, screen }) => (await screen.ask(child, 'tty', /\/dev\/pts\/(\d)\r\n/))[1]),
  )
  assert.equal(names.sort(), ['0', '1', '2'])
  for (const [i, { child, screen }] of all.entries())
    await screen.ask(child, 'stty size', new RegExp(`24 ${40 + 10 * i}\r\n`))
  all[1]?.child.stdin.write('exit 5\n')
  assert.is((await all[1]?.child.wait())?.exitCode, 5)
  await all[0]?.screen.ask(all[0].child, 'echo st""ill', /still\r\n/)
  const again = await shell(t, where)
  await again.screen.ask(again.child, 'tty', /\/dev\/pts\/\d\r\n/)
})

const OTHERS: [what: string, recipe: Sandbox][] = [
  ['with system calls unfiltered', sandbox().seccomp('off')],
  ['as root inside', sandbox().user(0)],
  ['without a pid namespace', sandbox().share('pid')],
  ['without a user namespace', sandbox().share('user')],
  ['with few descriptors', sandbox().limits({ openFiles: 8 })],
  ['under Landlock rules', sandbox().landlock({ write: ['/tmp'], ioctl: [] })],
  ['on the root without a mount namespace, with a terminal of the host', sandbox().share('mount')],
]

for (const [what, where] of OTHERS) {
  test(
    `a terminal works ${what}`,
    async (t) => {
      const unsupported = where.plan().unsupported[0]
      if (unsupported) t.skip(unsupported.reason)
      const { child, screen } = await onTerminal(t, where, ['-c', 'tty; stty size; read line; echo "got $line"'])
      await screen.until(/^\/dev\/pts\/\d+\r\n24 80\r\n/)
      await screen.ask(child, 'this', /got this\r\n$/)
      assert.ok((await child.wait()).ok)
    },
    { only: what.includes('Landlock') ? kernelFrom(6, 10) : [] },
  )
}

test(
  'a root that is only entered has no terminals, which is said',
  async () => {
    const inRoot = sandbox().share('mount').rootfs(probeRootfs, { switch: 'chroot' })
    const error: unknown = await inRoot.spawn('/probe', ['exit', '0'], { pty: true }).catch((thrown) => thrown)
    assert.instance(error, SandboxSetupError)
    const { step, code, path, message } = error as SandboxSetupError
    assert.equal([step, code, path], ['terminal', 'ENOENT', '/dev/ptmx'])
    assert.match(message, /mount namespace/)
  },
  { needs: root },
)

test('a program that is not there is told as ever', async () => {
  const error: unknown = await sandbox()
    .spawn('no-such-program', [], { pty: true })
    .catch((thrown) => thrown)
  assert.equal([(error as SandboxSetupError).step, (error as SandboxSetupError).code], ['exec', 'ENOENT'])
})

test('nothing can be typed into the terminal by the program itself', async () => {
  const child = await box().spawn('/probe', ['try-tiocsti'], { pty: true })
  const shown = await text(child.stdout)
  assert.match(shown, /EPERM/)
  assert.ok(!shown.startsWith('x'), shown)
  await child.closed
})

test.run()
