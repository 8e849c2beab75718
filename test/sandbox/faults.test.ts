// Every system call of spawn, boot, exec and clean-up fails once, on the real kernel (fixtures/faults.c): the caller
// learns which step it was, nothing is left, the neighbour lives on, and the next sandbox starts.

import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Box, type Sandbox, SandboxError, SandboxPool, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { STEPS } from '../../dist/steps.js'
import { probeRootfs } from '../support/boxes.js'
import { type Call, type Count, count, errorOf, fail, type Role, stopCounting } from '../support/faults.js'
import { cgroup2, landlock, root } from '../support/host.js'
import { assertNothingLeft, snapshot } from '../support/leaks.js'
import { closing } from '../support/open-boxes.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'
import { offspring } from '../support/victims.js'
import { drainStock } from '../support/warm-up.js'

const test = suite('faults', { warmUp: true })

type Action = () => Promise<unknown>

/** Calls in whose place the sandbox does without, tries again, or has another way; it then has to be as good as ever. */
const DONE_WITHOUT: Readonly<Partial<Record<Role, readonly string[]>>> = {
  // The C library's allocator tries elsewhere; rights that cannot be raised from outside are asked for inside.
  spawner: [
    'mmap',
    'mprotect',
    'prlimit64',
    'setpriority',
    'fcntl',
    'getdents64',
    'setns',
    'unshare',
    'openat',
    'ppoll',
    'poll',
  ],
  child: ['keyctl', 'read'],
  init: [
    'dup3',
    'fcntl',
    'openat',
    'openat2',
    'poll',
    'ppoll',
    'prctl',
    'pread64',
    'read',
    'recvmsg',
    'sendmsg',
    'setpgid',
    'write',
  ],
  command: ['keyctl', 'prlimit64', 'seccomp', 'prctl'],
  // A spawner then does it.
  main: ['sendmsg', 'pipe2', 'fchown', 'fcntl', 'epoll_ctl'],
}
/** What only clean up, look at the end, or make something for later: nobody has to hear of them. */
const UNHEARD: readonly Role[] = ['watcher', 'stock', 'stock-child', 'stock-init']

const seen = new Set<string>()
/** Of a call that is made more often than this, every third and the last are tried. COFFERDAM_ALL_FAULTS=1: all of them. */
const LOOP = process.env.COFFERDAM_ALL_FAULTS === '1' ? Infinity : 12
/** Of one that is made more often than this it is a loop that does the same: the first, the second and the last. */
const LONG_LOOP = process.env.COFFERDAM_ALL_FAULTS === '1' ? Infinity : 24

function* callsOf(counts: readonly Count[], roles: readonly Role[], sampled: boolean): Generator<Call> {
  for (const { role, name, count: times } of counts) {
    if (!roles.includes(role)) continue
    for (let number = 0; number < times; number++)
      if (!sampled || times <= LOOP || (times <= LONG_LOOP ? number % 3 === 0 : number < 2) || number === times - 1)
        yield { role, name, number }
  }
}

/** What the action does, and what its failure is, within a time that even a slow teardown does not need. */
async function endOf(action: Action): Promise<unknown> {
  const limit = new AbortController()
  const late = sleep(atMost(8000), new Error('It has not ended'), { signal: limit.signal }).catch(() => {})
  const end = await Promise.race([
    action().then(
      () => undefined,
      (error: unknown) => error,
    ),
    late,
  ])
  limit.abort()
  return end
}

function check(call: Call, end: unknown): void {
  const what = `${call.role} ${call.name} ${call.number}`
  if (end === undefined) {
    const may = UNHEARD.includes(call.role) || DONE_WITHOUT[call.role]?.includes(call.name)
    assert.ok(may, `${what}: nobody has heard that it failed`)
    return
  }
  // What init cannot report is told by its end.
  if (end instanceof SandboxError && end.code === 'ERR_SANDBOX_LOST') {
    assert.ok(call.role === 'init' && call.name === 'sendmsg', `${what}: ${end.message}`)
    return
  }
  assert.instance(end, SandboxSetupError, `${what}: ${end}`)
  const { step, errno, code, message } = end as SandboxSetupError
  seen.add(step)
  assert.ok(message.includes(`'${step}'`) && message.includes(code), message)
  // Something was in the way and could not be removed: that is what the caller has to know.
  const expected = call.name === 'unlinkat' ? constants.errno.EEXIST : errorOf(call)
  assert.is(errno, expected, `${what}: ${message}`)
}

/** Makes each call of the action fail, one after the other; `prepare` runs before each time. */
async function everyCall(
  t: TestContext,
  action: Action,
  {
    roles = ['spawner', 'watcher', 'child', 'init', 'command'] as readonly Role[],
    cold = false,
    settled = true,
    only = /./,
    sampled = true,
  } = {},
): Promise<number> {
  // With the limits of all: so the groups that they are in stay, and are not made anew in the middle.
  const neighbour: Box = await small().limits({ memory: '64MiB', pids: 10, cpuTime: '60s' }).open()
  t.cleanUp(() => neighbour.close())
  const program = await neighbour.spawn('/probe', ['cat'])
  for (let i = 0; i < 2; i++) assert.is(await endOf(action), undefined, 'It fails by itself')

  if (cold) drainStock()
  count()
  await action()
  const { counts } = stopCounting()
  let tried = 0
  let group = ''
  let before = snapshot()
  const calls = [...callsOf(counts, roles, sampled)].filter(({ role, name }) => only.test(`${role} ${name}`))
  for (const call of calls) {
    // To look for what is left costs more than a sandbox.
    if (call.role !== group) {
      if (settled)
        await assertNothingLeft(before, { drain: drainStock }).catch((error) => {
          throw new Error(`After ${group}: ${error.message}`)
        })
      group = call.role
      before = snapshot()
    }
    if (cold) drainStock()
    fail(call)
    const end = await endOf(action)
    const { failed } = stopCounting()
    if (failed > 0) tried++
    if (failed > 0 || end !== undefined) check(call, end)
    const next = await endOf(() => small().run('/true'))
    assert.is(next, undefined, `after ${call.role} ${call.name} ${call.number}: ${next}`)
  }
  program.stdin?.end('still here')
  let echo = ''
  for await (const chunk of program.stdout ?? []) echo += chunk
  assert.is(echo, 'still here')
  // What comes only by chance (two events at once, a second init ahead) may not come the next time.
  assert.ok(tried > calls.length / 3, `${tried} of ${calls.length} calls were made`)
  return tried
}

/** The quickest sandbox. */
const small = () => sandbox().rootfs(probeRootfs, { mode: 'readonly' }).share('net')

function uppers(t: TestContext): [string, string] {
  return [t.tempDir(), t.tempDir()]
}

/** All kinds of steps in one recipe. */
function everything(t: TestContext): Action {
  const recipes = uppers(t).map((upper) =>
    sandbox()
      .rootfs([probeRootfs], { upper })
      .hostname('faulty')
      .clockOffset({ monotonic: 5 })
      .bind('/etc/hostname', '/mnt/hostname')
      .tmpfs('/mnt/memory')
      .file('/etc/motd', 'hello')
      .file('/etc/motd2', 'hello', { mode: 0o4755 })
      .symlink('/etc/motd', '/etc/link')
      .mask('/etc/motd')
      .limits({ memory: '64MiB', pids: 20, cpuTime: '5s', openFiles: 64, wallTime: '10s' })
      .priority({ nice: 3 })
      .landlock({ read: ['/'], execute: ['/'] })
      .capabilities('net_bind_service'),
  )
  let turn = 0
  // Its upper directory is free again once the one before the last has been closed.
  return async () => {
    const result = await recipes[turn++ % 2]?.run('/true')
    if (!result?.ok) throw new Error(result?.explain())
  }
}

const TIME = { needs: [root, cgroup2, landlock], timeoutMs: 120_000 }

test(
  'each call of a sandbox with all kinds of steps',
  async (t) => {
    const tried = await everyCall(t, everything(t))
    assert.ok(tried > 150, `${tried} calls`)
  },
  TIME,
)

function readonlyRoot(): Sandbox {
  return sandbox().rootfs(probeRootfs, { mode: 'readonly' }).user(0).limits({ output: '1MiB', wallTime: '10s' })
}

test(
  'each call of a stocked sandbox whose output is counted',
  async (t) => {
    const action = async () => {
      const child = await readonlyRoot().spawn('/probe', ['cat'])
      child.stdin?.on('error', () => {})
      child.stdin?.end('x'.repeat(1000))
      let size = 0
      for await (const chunk of child.stdout ?? []) size += chunk.length
      const result = await child.wait()
      if (!result.ok || size !== 1000) throw new Error(`${result.explain()} ${size} bytes`)
    }
    await everyCall(t, action, { cold: true, only: /spawner|watcher|sendmsg/ })
  },
  TIME,
)

test(
  'each call of an init made ahead: the next sandbox has its own',
  async (t) => {
    const action = async () => {
      const result = await readonlyRoot().run('/true')
      if (!result.ok) throw new Error(result.explain())
    }
    await everyCall(t, action, { roles: ['stock', 'stock-child', 'stock-init'], cold: true })
  },
  TIME,
)

test(
  'each call of a box that is opened, used and closed',
  async (t) => {
    const action = async () => {
      const box = await small().limits({ pids: 10 }).open()
      try {
        const result = await box.run('/true')
        if (!result.ok) throw new Error(result.explain())
      } finally {
        await box.close()
      }
    }
    await everyCall(t, action, { cold: true, only: /spawner|watcher|sendmsg/ })
  },
  TIME,
)

test(
  'each call of a pool whose box is made as new for every run',
  async (t) => {
    const pool = closing(t, new SandboxPool({ recipe: small().seccomp('off'), concurrency: 1, warm: 1, reuse: true }))
    // The second comes before a process could wait for it.
    const action = async () => {
      for (let i = 0; i < 2; i++) {
        const result = await pool.run('/true')
        if (!result.ok) throw new Error(result.explain())
      }
    }
    await everyCall(t, action, { roles: ['spawner'], settled: false })
  },
  TIME,
)

/** Until a process waits in a box that has just been opened, and has done what it can. */
async function untilSeated(): Promise<void> {
  const waits = () => offspring(process.pid).some(({ name }) => name === 'cofferdam-seat')
  for (const endMs = performance.now() + 2000; !waits() && performance.now() < endMs; ) await sleep(2)
  await sleep(50)
}

test(
  'each call of a process that waits for its command, as that command tells it',
  async (t) => {
    const action = async () => {
      const pool = new SandboxPool({ recipe: small().seccomp('off'), concurrency: 1, warm: 1, reuse: true })
      try {
        await untilSeated()
        const result = await pool.run('/true')
        if (!result.ok) throw new Error(result.explain())
      } finally {
        await pool.close()
      }
    }
    const tried = await everyCall(t, action, { roles: ['command'], cold: true, settled: false })
    assert.ok(tried > 20, `${tried} calls`)
  },
  TIME,
)

test(
  'each call that sends a command at once: it is started all the same',
  async (t) => {
    const box = await small().open()
    t.cleanUp(() => box.close())
    const action = async () => {
      await untilSeated()
      const result = await box.run('/probe', ['cat'], { input: 'x' })
      if (!result.ok || result.stdout !== 'x') throw new Error(result.explain())
    }
    const tried = await everyCall(t, action, { roles: ['main'], settled: false, only: /sendmsg|pipe2|fchown|fcntl/ })
    assert.ok(tried > 3, `${tried} calls`)
  },
  TIME,
)

test(
  'each call without a mount namespace',
  async (t) => {
    const recipe = sandbox().share('mount', 'net').rootfs(probeRootfs, { switch: 'chroot' })
    const action = async () => {
      const result = await recipe.run('/true')
      if (!result.ok) throw new Error(result.explain())
    }
    await everyCall(t, action, { roles: ['init'] })
  },
  TIME,
)

test(
  "each call that makes a place in a view of the host's own directories",
  async (t) => {
    const action = async () => {
      const result = await sandbox().share('net').run('true')
      if (!result.ok) throw new Error(result.explain())
    }
    await everyCall(t, action, { roles: ['init'], cold: true, only: /mkdirat/, sampled: false })
  },
  TIME,
)

test(
  'each call of a command on a terminal',
  async (t) => {
    const action = async () => {
      const child = await readonlyRoot().spawn('/probe', ['cat'], { pty: true })
      child.stdin.end('hello\n')
      let size = 0
      for await (const chunk of child.stdout) size += chunk.length
      const result = await child.wait()
      await child.closed
      if (!result.ok || size !== 14) throw new Error(`${result.explain()} ${size} bytes`)
    }
    const only =
      /^command (openat|ioctl|dup3|setfs.id)|^(spawner|watcher) (pipe2|fcntl|epoll_ctl|recvmsg)|^init sendmsg/
    // An init that the stock has made ahead would not be counted as one, nor its command.
    await everyCall(t, action, { cold: true, only })
    assert.ok(seen.has('terminal'))
  },
  TIME,
)

test('every step has failed, and said so', () => {
  // What a process does once is in faults-once.test.ts and init-image.test.ts; no recipe has a plan that cannot be read.
  const elsewhere = ['request', 'init-image', 'plan']
  const missing = STEPS.filter((step) => !seen.has(step) && !elsewhere.includes(step))
  assert.equal(missing, [])
})

test.run()
