// What those who look on are told about a start: messages on diagnostics channels, and the lines of NODE_DEBUG=cofferdam.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type SandboxError,
  SandboxPool,
  type SpawnErrorMessage,
  type SpawnExitMessage,
  type SpawnMessage,
  type SpawnReadyMessage,
  sandbox,
} from 'cofferdam'
import * as assert from 'uvu/assert'
import { runNode } from '../support/child.js'
import { cli } from '../support/cli.js'
import { cgroup2 } from '../support/host.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('debugging', { warmUp: true })

type Name = 'start' | 'ready' | 'exit' | 'error'
type Message = SpawnMessage & Partial<SpawnReadyMessage & SpawnExitMessage & SpawnErrorMessage>

/** All messages from now on to the end of the test, in their order. */
function listen(t: TestContext, ...names: Name[]): [name: Name, message: Message][] {
  const heard: [Name, Message][] = []
  for (const name of names.length > 0 ? names : (['start', 'ready', 'exit', 'error'] as const)) {
    const channel = `cofferdam:spawn:${name}`
    const listener = (message: unknown) => void heard.push([name, message as Message])
    subscribe(channel, listener)
    t.cleanUp(() => unsubscribe(channel, listener))
  }
  return heard
}

const names = (heard: readonly [Name, Message][]) => heard.map(([name]) => name)
const of = (heard: readonly [Name, Message][], name: Name) =>
  heard.filter(([each]) => each === name).map(([, message]) => message)

function assertInOrder({ timings }: Message): void {
  const { startMs, submittedMs = startMs, readyMs = submittedMs, endedMs = readyMs } = timings
  const times = [0, startMs, submittedMs, readyMs, endedMs]
  assert.equal(
    [...times].sort((a, b) => a - b),
    times,
    JSON.stringify(timings),
  )
}

test('a run is told of as start, ready and exit, with one id and times that grow', async (t) => {
  const heard = listen(t)
  const before = performance.now()
  const recipe = sandbox().hostname('traced')
  const result = await recipe.run('sh', ['-c', 'exit 3'])
  assert.equal(names(heard), ['start', 'ready', 'exit'])
  const [start, ready, exit] = heard.map(([, message]) => message) as [Message, Message, Message]
  for (const message of [start, ready, exit]) {
    assert.is(message.id, start.id)
    assert.is(message.kind, 'sandbox')
    assert.is(message.box, undefined)
    assert.is(message.file, 'sh')
    assert.equal(message.args, ['-c', 'exit 3'])
    assert.is(message.plan, recipe.plan())
    assert.is(message.timings.calledAt, start.timings.calledAt)
    assertInOrder(message)
  }
  assert.ok(start.timings.calledAt >= before && start.timings.calledAt <= performance.now())
  assert.equal(
    [start.timings.submittedMs, start.timings.readyMs, start.timings.endedMs],
    [undefined, undefined, undefined],
  )
  assert.type(ready.timings.readyMs, 'number')
  assert.is(ready.timings.endedMs, undefined)
  assert.type(exit.timings.endedMs, 'number')
  assert.ok((ready.pid ?? 0) > 1)
  assert.is(exit.result, result)
})

test('a spawn is ready when it is, not when it has ended', async (t) => {
  const heard = listen(t)
  const child = await sandbox().spawn('cat', [], { stdout: 'ignore', stderr: 'ignore' })
  assert.equal(names(heard), ['start', 'ready'])
  assert.is(of(heard, 'ready')[0]?.pid, child.pid)
  child.stdin?.end()
  const result = await child.wait()
  assert.equal(names(heard), ['start', 'ready', 'exit'])
  assert.is(of(heard, 'exit')[0]?.result, result)
  await child.closed
})

test('a run is ready while it runs', async (t) => {
  const heard = listen(t)
  const abort = new AbortController()
  const over = sandbox().run('sleep', ['60'], { signal: abort.signal })
  while (!names(heard).includes('ready')) await new Promise((done) => setTimeout(done, 5))
  assert.equal(names(heard), ['start', 'ready'])
  abort.abort()
  assert.is((await over).outcome, 'aborted')
  assert.is(of(heard, 'exit')[0]?.result?.outcome, 'aborted')
})

test('what cannot be started is start and error, with the error that the call rejects with', async (t) => {
  const heard = listen(t)
  const fails: (() => Promise<unknown>)[] = [
    () => sandbox().run('/no/such/program'),
    () => sandbox().spawn('/no/such/program'),
    () => sandbox().mask('/no/such/file').open(),
    () => sandbox().run('true', [], { signal: AbortSignal.abort() }),
    () => sandbox().open({ signal: AbortSignal.abort() }),
  ]
  for (const fail of fails) {
    heard.length = 0
    const error = await fail().then(
      () => undefined,
      (reason: SandboxError) => reason,
    )
    assert.equal(names(heard), ['start', 'error'])
    const [message] = of(heard, 'error')
    assert.ok(error)
    assert.is(message?.error, error)
    assert.is(message?.timings.readyMs, undefined)
    assertInOrder(message as Message)
  }
})

test(
  'a box and its commands are told apart, and the box ends when it is closed',
  async (t) => {
    const heard = listen(t)
    const box = await sandbox().open()
    const [opened] = of(heard, 'ready')
    assert.equal([opened?.kind, opened?.file, opened?.args, opened?.pid], ['box', undefined, [], box.pid])
    await box.run('true')
    const child = await box.spawn('true')
    await child.wait()
    await child.closed
    const commands = heard.filter(([, { kind }]) => kind === 'command')
    assert.equal(names(commands), ['start', 'ready', 'exit', 'start', 'ready', 'exit'])
    for (const [, { box: of, file }] of commands) assert.equal([of, file], [opened?.id, 'true'])
    assert.is(of(heard, 'exit').filter(({ kind }) => kind === 'box').length, 0)
    await box.close()
    const [name, closed] = heard.at(-1) ?? []
    assert.equal([name, closed?.kind, closed?.id, closed?.result], ['exit', 'box', opened?.id, undefined])
  },
  { needs: cgroup2 },
)

test(
  'a box that is lost is an error, of itself and of its command',
  async (t) => {
    const heard = listen(t)
    const box = await sandbox().open()
    const child = await box.spawn('sleep', ['60'])
    process.kill(box.pid, 'SIGKILL')
    await child.wait().catch(() => {})
    await box.closed
    const errors = of(heard, 'error').map(({ kind, error }) => [kind, (error as SandboxError).sandboxCode])
    assert.equal(errors.sort(), [
      ['box', 'ERR_SANDBOX_LOST'],
      ['command', 'ERR_SANDBOX_LOST'],
    ])
    assert.is(of(heard, 'exit').length, 0)
  },
  { needs: cgroup2 },
)

test('a job of a pool counts its wait from the call on, and its boxes are told of, too', async (t) => {
  const heard = listen(t)
  const pool = new SandboxPool({ recipe: sandbox(), concurrency: 1, warm: 0 })
  await Promise.all([pool.run('sleep', ['0.3']), pool.run('true')])
  await pool.close()
  const [first, second] = of(heard, 'start').filter(({ kind }) => kind === 'command')
  assert.equal([first?.file, second?.file], ['sleep', 'true'])
  assert.ok((second?.timings.startMs ?? 0) >= 300, `${second?.timings.startMs}`)
  for (const message of [first, second])
    assert.ok(of(heard, 'ready').some(({ kind, id }) => kind === 'box' && id === message?.box))
  for (const [name] of heard.filter(([, { kind }]) => kind === 'box')) assert.is.not(name, 'error')
})

test('who listens to the end alone hears it, and who has gone hears nothing', async (t) => {
  const heard = listen(t, 'exit')
  await sandbox().run('true')
  assert.equal(names(heard), ['exit'])
  const gone: unknown[] = []
  const listener = (message: unknown) => void gone.push(message)
  subscribe('cofferdam:spawn:start', listener)
  unsubscribe('cofferdam:spawn:start', listener)
  await sandbox().run('true')
  assert.is(gone.length, 0)
  assert.equal(names(heard), ['exit', 'exit'])
})

test('each thread hears of its own starts, and counts them itself', async () => {
  const { stdout, stderr } = await runNode(`
    import { subscribe } from 'node:diagnostics_channel'
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { sandbox } from 'cofferdam'
    subscribe('cofferdam:spawn:exit', ({ id, file }) => console.log('main', id, file))
    await sandbox().run('true')
    const source = [
      "import { subscribe } from 'node:diagnostics_channel'",
      "import { parentPort } from 'node:worker_threads'",
      "import { sandbox } from '" + import.meta.resolve('cofferdam') + "'",
      "subscribe('cofferdam:spawn:exit', ({ id, file }) => parentPort.postMessage(['worker', id, file].join(' ')))",
      "await sandbox().run('echo')",
    ].join('\\n')
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)))
    worker.on('message', (line) => console.log(line))
    await once(worker, 'exit')
  `)
  assert.equal([stdout, stderr], ['main 1 true\nworker 1 echo\n', ''])
})

const PROGRAM = `
import { sandbox } from 'cofferdam'
const recipe = sandbox().env({ TOKEN: 'hidden' })
for (const text of ['one', 'two words']) process.stdout.write((await recipe.run('echo', [text])).stdout)
const child = await recipe.limits({ wallTime: '50ms' }).spawn('sleep', ['60'])
await child.wait()
await child.closed
await recipe.run('no-such-program').catch(() => {})
`

test('NODE_DEBUG=cofferdam prints the plan, each step with its time, and the end', async () => {
  const { code, stdout, stderr } = await runNode(PROGRAM, { env: { NODE_DEBUG: 'cofferdam' } })
  assert.equal([code, stdout], [0, 'one\ntwo words\n'])
  const lines = stderr.trimEnd().split('\n')
  for (const line of lines) assert.match(line, /^COFFERDAM \d+: #\d+ /)
  const of = (id: number) =>
    lines.flatMap((line) => (line.includes(`: #${id} `) ? [line.replace(/^.*: #\d+ /, '')] : []))
  const steps = (id: number) => of(id).filter((line) => line.startsWith('+'))
  const time = '\\+[\\d.]+ m?s'
  for (const [id, patterns] of [
    [
      1,
      [
        'sandbox: "echo" "one"',
        'submitted, \\d+ bytes',
        'ready, pid \\d+',
        'ended: The program exited normally',
        'closed',
      ],
    ],
    [
      3,
      ['sandbox: "sleep" "60"', 'submitted', 'ready', 'ended: The program was ended at its wall time limit', 'closed'],
    ],
    [4, ['sandbox: "no-such-program"', 'submitted', "failed: .*step 'exec' failed with ENOENT", 'closed']],
  ] as const) {
    assert.is(steps(id).length, patterns.length, steps(id).join('\n'))
    for (const [i, pattern] of patterns.entries()) assert.match(steps(id)[i] ?? '', new RegExp(`^${time} ${pattern}`))
  }
  assert.match(of(1).join('\n'), /^ +Namespaces +user, mount/m)
  assert.match(of(2).join('\n'), /^ +the plan of #1$/m)
  assert.match(stderr, 'TOKEN')
  assert.not.match(stderr, 'hidden')
})

test('without it nothing is printed, and the command line has it like any program', async () => {
  const { stderr } = await runNode(PROGRAM, { env: { NODE_DEBUG: undefined } })
  assert.is(stderr, '')
  const { code, stdout, stderr: told } = await cli(['run', '--', 'echo', 'hi'], { env: { NODE_DEBUG: 'cofferdam' } })
  assert.equal([code, stdout], [0, 'hi\n'])
  assert.match(told, /#1 \+[\d.]+ m?s ready, pid /)
})

test.run()
