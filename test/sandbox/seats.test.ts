// Seats: processes that wait in the control groups of commands to come. What is told of a command is the same with and
// without one, and whoever comes to be in a box finds none beside it.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { cgroup2, controller, root } from '../support/host.js'
import { opened, tell } from '../support/open-boxes.js'
import { suite } from '../support/suite.js'
import { offspring, type Process } from '../support/victims.js'

const test = suite('seats', { warmUp: true })

const needs = [root, controller('pids'), controller('memory')]
const LIMITS = { pids: 8, memory: '64MiB', cpuTime: '10s' } as const
const limited = (): Sandbox => box(LIMITS)

// Of what a process is born with. Its numbers differ.
const ASKED = ['fds', 'caps', 'sigs', 'rlimits', 'process', 'ids', 'keyring']
const plain = (told: string) => told.replaceAll(/"(pid|ppid|sid|pgid|tid)":\d+/g, '')

/** Gone, or a zombie that nobody has reaped yet. */
function isDead(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z')
  } catch {
    return true
  }
}

const seats = (): Process[] => offspring(process.pid).filter(({ name }) => name === 'cofferdam-seat')

async function untilSeats(count: number): Promise<Process[]> {
  for (const endMs = performance.now() + 10_000; seats().length !== count && performance.now() < endMs; ) await sleep(2)
  assert.is(seats().length, count)
  return seats()
}

test(
  'a box has one seat whenever nothing runs in it, and none while something does',
  async (t) => {
    const open = await opened(t, limited())
    for (let i = 0; i < 3; i++) {
      await untilSeats(1)
      const { visible } = JSON.parse(await tell(open, 'pids'))
      assert.is(visible.length, 2, `init and the command see ${visible}`)
    }
    await untilSeats(1)
    const child = await open.spawn('/probe', ['sleep', '60'])
    await sleep(50)
    assert.equal(seats(), [])
    await child[Symbol.asyncDispose]()
    await untilSeats(1)
  },
  { needs: [root, cgroup2] },
)

test(
  'the command is the process that waited, in all of its groups, with its own limits and figures',
  async (t) => {
    const open = await opened(t, limited())
    const [seat] = await untilSeats(1)
    const child = await open.spawn('/probe', ['sleep', '60'])
    assert.is(child.pid, seat?.pid)
    assert.ok((await child.stats()).pids === undefined || (await child.stats()).pids === 1)
    await child[Symbol.asyncDispose]()
    await untilSeats(1)
    const { stdout, usage } = await open.run('/probe', ['fork-n', '9'])
    assert.equal(JSON.parse(stdout), { forked: 7, error: 'EAGAIN' })
    assert.ok(usage.cpuTimeMs < 1000, `${usage.cpuTimeMs} ms`)
  },
  { needs },
)

test(
  'recipes that differ in nothing but a limit have seats apart',
  async () => {
    for (let round = 0; round < 4; round++)
      for (const pids of [3, 6]) {
        const { stdout } = await box({ pids }).run('/probe', ['fork-n', '9'])
        assert.equal(JSON.parse(stdout), { forked: pids - 1, error: 'EAGAIN' })
        await sleep(40) // in which inits are made ahead
      }
  },
  { needs },
)

test(
  'commands at once in a box have a group each, and only one of them is seated',
  async (t) => {
    const open = await opened(t, limited())
    await untilSeats(1)
    const children = await Promise.all(Array.from({ length: 6 }, () => open.spawn('/probe', ['sleep', '60'])))
    assert.is(new Set(children.map(({ cgroup }) => cgroup.path)).size, 6)
    for (const child of children) assert.ok(((await child.stats()).pids ?? 1) === 1)
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()))
    assert.ok((await open.run('/true')).ok)
  },
  { needs },
)

test(
  'a start that fails before init hears of it leaves the seat to the next one',
  async (t) => {
    const open = await opened(t, limited())
    const [seat] = await untilSeats(1)
    const error = await open.spawn('/probe', ['cat'], { stdin: 999_999 }).catch((thrown: unknown) => thrown)
    assert.is((error as { step?: string }).step, 'stdio')
    const abort = new AbortController()
    const aborted = open.run('/probe', ['sleep', '60'], { signal: abort.signal }).then(
      ({ outcome }) => outcome,
      ({ code }) => code as string,
    )
    abort.abort()
    assert.match(await aborted, /^(aborted|ERR_SANDBOX_ABORTED)$/)
    assert.ok(open.live)
    assert.ok((await open.run('/true')).ok)
    assert.ok(seat !== undefined)
  },
  { needs },
)

test(
  'a command that cannot be executed is told as without a seat, and the box goes on',
  async (t) => {
    const open = await opened(t, limited())
    for (const seated of [true, false]) {
      if (seated) await untilSeats(1)
      const error = (await open.run('/none').catch((thrown: unknown) => thrown)) as Record<string, unknown>
      assert.equal([error.step, error.code, error.path], ['exec', 'ENOENT', '/none'])
    }
    assert.is((await open.run('/probe', ['say', 'on'])).stdout, 'on\n')
  },
  { needs },
)

test(
  'when somebody kills what waits, sandboxes of their own are replaced unseen',
  async () => {
    const recipe = limited()
    for (let i = 0; i < 5; i++) {
      assert.ok((await recipe.run('/true')).ok)
      await sleep(20)
      const inits = seats().map(({ parent }) => parent)
      for (const { pid } of seats()) process.kill(pid, 'SIGKILL')
      for (const endMs = performance.now() + 5000; !inits.every(isDead) && performance.now() < endMs; ) await sleep(2)
    }
    assert.ok((await recipe.run('/true')).ok)
  },
  { needs },
)

test(
  'what a seated command is not to see: descriptors, capabilities, and the umask and directory of init',
  async (t) => {
    const open = await opened(t, sandbox().rootfs(probeRootfs).limits(LIMITS).seccomp('off').cwd('/dev'))
    await untilSeats(1)
    const seated = plain(await tell(open, ...ASKED))
    // At once after another there is no seat.
    assert.is(plain(await tell(open, ...ASKED)), seated)
    assert.match(seated, '/dev')
  },
  { needs },
)

test.run()
