// What is done before a command is asked for: its process goes as far as the recipe says, and its streams wait. A command
// finds all of that or none of it, and neither it nor its caller can tell.
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Box, type Limits, type RunResult, type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { opened, tell } from '../support/open-boxes.js'
import { suite } from '../support/suite.js'
import { offspring } from '../support/victims.js'

const test = suite('seats made ahead', { warmUp: true })

const needs = [root, cgroup2]
const ASKED = ['fds', 'caps', 'sigs', 'rlimits', 'process', 'ids', 'nnp', 'ns']
// Numbers of processes and of namespaces, and the sessions and keyrings that are a command's own.
const plain = (told: string) => told.replaceAll(/\d{3,}/g, 'N').replaceAll(/"(pid|ppid|sid|pgid|tid)":\d+/g, '')

/** Until a process waits in the box, or in one of several. */
async function seated(): Promise<void> {
  const waits = () => offspring(process.pid).some(({ name }) => name === 'cofferdam-seat')
  for (const endMs = performance.now() + 10_000; !waits() && performance.now() < endMs; ) await sleep(2)
  assert.ok(waits(), 'no process waits')
  await sleep(20) // in which it does what it can
}

/** How a command ended, however that was told. */
function endOf(run: Promise<RunResult>): Promise<string> {
  return run.then(
    ({ outcome }) => outcome,
    ({ code }) => String(code),
  )
}

/** The same asked of a command that is waited for, and of one that comes too soon for that. */
async function tellBoth(open: Box, ...asked: string[]): Promise<[string, string]> {
  await seated()
  return [plain(await tell(open, ...asked)), plain(await tell(open, ...asked))]
}

const RECIPES: Readonly<Record<string, Sandbox>> = {
  'all walls': box({ wallTime: '20s' }),
  'limits of its own': box({ openFiles: 20, fileSize: '1MiB', core: 0, stack: '1MiB', wallTime: '20s' }),
  'a priority and capabilities': box({ wallTime: '20s' })
    .priority({ nice: 5 })
    .capabilities('net_bind_service', 'kill'),
  'another user, directory and umask': box({ wallTime: '20s' }).user(1234, 99).cwd('/dev').seccomp('off'),
  'the root of the box': box({ wallTime: '20s' }).user(0).seccomp('off'),
}

for (const [what, recipe] of Object.entries(RECIPES)) {
  test(
    `a command is the same whether its process waited or not: ${what}`,
    async (t) => {
      const [waited, not] = await tellBoth(await opened(t, recipe), ...ASKED)
      assert.is(waited, not)
    },
    { needs },
  )
}

test(
  'with hardly any descriptors allowed, those that a command is given are in place',
  async (t) => {
    for (const openFiles of [3, 4, 5]) {
      const [waited, not] = await tellBoth(await opened(t, box({ openFiles, wallTime: '20s' })), 'fds', 'rlimits')
      assert.is(waited, not)
      assert.match(waited, /"2":"pipe"/)
    }
  },
  { needs },
)

test(
  'input and output of any size pass, whoever has made the pipes',
  async (t) => {
    const open = await opened(t, box({ wallTime: '20s', output: '16MiB' }))
    for (const size of [0, 1, 60_000, 65_536, 65_537, 2_000_000]) {
      const input = 'x'.repeat(size)
      await seated()
      for (let i = 0; i < 2; i++) {
        const { ok, stdout } = await open.run('/probe', ['cat'], { input })
        assert.ok(ok && stdout === input, `${size} bytes became ${stdout.length}`)
      }
    }
  },
  { needs, timeoutMs: 60_000 },
)

test(
  'the output limit ends a command that nobody has heard of since it was sent',
  async (t) => {
    const open = await opened(t, box({ wallTime: '20s', output: 100_000 }))
    await seated()
    const result = await open.run('/probe', ['cat'], { input: 'y'.repeat(1_000_000) })
    assert.is(result.outcome, 'output-limit')
    assert.is(result.stdout.length, 100_000)
  },
  { needs },
)

test(
  'an abort reaches a command at once, just sent or long since',
  async (t) => {
    const open = await opened(t, box({ wallTime: '60s' }))
    for (const pauseMs of [0, 1, 50]) {
      await seated()
      const abort = new AbortController()
      const end = endOf(open.run('/probe', ['sleep', '60'], { signal: abort.signal }))
      if (pauseMs > 0) await sleep(pauseMs)
      abort.abort()
      assert.match(await end, pauseMs < 50 ? /^(aborted|ERR_SANDBOX_ABORTED)$/ : /^aborted$/)
    }
  },
  { needs },
)

test(
  'a box that is closed ends the command that it has just been sent',
  async () => {
    for (const pauseMs of [0, 1, 50]) {
      const open = await box({ wallTime: '60s' }).open()
      await seated()
      const end = endOf(open.run('/probe', ['sleep', '60']))
      if (pauseMs > 0) await sleep(pauseMs)
      await open.close()
      assert.match(await end, pauseMs < 50 ? /^(aborted|ERR_SANDBOX_ENDED)$/ : /^aborted$/)
    }
  },
  { needs },
)

test(
  'an init that does not read holds up neither the event loop nor, once it goes on, its commands',
  async (t) => {
    // Two messages of this size are more than a channel holds.
    const open = await opened(t, box({ wallTime: '60s' }).env({ LONG: 'z'.repeat(80_000) }))
    await seated()
    assert.ok((await open.run('/true')).ok)
    process.kill(open.pid, 'SIGSTOP')
    t.cleanUp(() => {
      if (existsSync(`/proc/${open.pid}`)) process.kill(open.pid, 'SIGCONT')
    })
    await sleep(50)
    const calledMs = performance.now()
    const runs = [1, 2, 3].map((i) => open.run('/probe', ['say', String(i)]))
    const returnedMs = performance.now() - calledMs
    await sleep(100)
    process.kill(open.pid, 'SIGCONT')
    assert.equal(
      (await Promise.all(runs)).map(({ stdout }) => stdout),
      ['1\n', '2\n', '3\n'],
    )
    // A spawner waits a second for the channel.
    assert.ok(returnedMs < 500, `the calls took ${returnedMs} ms`)
  },
  { needs },
)

test(
  'a group that was made ahead, and that somebody has removed, is made anew',
  async (t) => {
    const open = await opened(t, box({ wallTime: '60s' }))
    const child = await open.spawn('/probe', ['sleep', '60'])
    const group = dirname(child.cgroup.path ?? '')
    // That of the command before may be among them, and go at any moment.
    const removed = () =>
      readdirSync(group).filter((name) => {
        if (!/^\d+$/.test(name)) return false
        try {
          if (readFileSync(`${group}/${name}/cgroup.procs`, 'utf8') !== '') return false
          rmdirSync(`${group}/${name}`)
          return true
        } catch {
          return false
        }
      })
    // Beside another one no process waits: what is made for the next command is its group.
    assert.ok((await open.run('/true')).ok)
    await sleep(100)
    let count = 0
    for (const endMs = performance.now() + 10_000; count === 0 && performance.now() < endMs; ) {
      count = removed().length
      await sleep(2)
    }
    assert.ok(count > 0, 'no group was made ahead')
    const { stdout, usage } = await open.run('/probe', ['say', 'on'])
    assert.is(stdout, 'on\n')
    assert.ok(usage.cpuTimeMs > 0)
    await child[Symbol.asyncDispose]()
  },
  { needs },
)

test(
  'a command that is not there is told of, and leaves the box as it was',
  async (t) => {
    const open = await opened(t, box())
    await seated()
    for (let i = 0; i < 2; i++) {
      const error = (await open.run('/none').catch((thrown: unknown) => thrown)) as Record<string, unknown>
      assert.equal([error.step, error.code, error.path], ['exec', 'ENOENT', '/none'])
    }
    assert.is((await open.run('/probe', ['say', 'on'])).stdout, 'on\n')
  },
  { needs },
)

test(
  'a limit that cannot be had is told by the command that finds it so, and names its step',
  async (t) => {
    const limits: Limits = { wallTime: '20s' }
    const open = await opened(t, sandbox().rootfs(probeRootfs).limits(limits).cwd('/nowhere'))
    await seated()
    for (let i = 0; i < 2; i++) {
      const error = (await open.run('/true').catch((thrown: unknown) => thrown)) as Record<string, unknown>
      assert.equal([error.step, error.code, error.path], ['exec', 'ENOENT', '/nowhere'])
    }
  },
  { needs },
)

test.run()
