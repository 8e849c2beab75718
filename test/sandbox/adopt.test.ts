// adopt(): a process of the host is moved into a live sandbox's groups, and shares its limits and its end.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError, SandboxUnsupportedError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, spawnProbe } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { anyUser, cgroup2, controller, root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('adopt', { warmUp: true })
const MIB = 2 ** 20

/** The probe as a process of the host, outside of any sandbox. */
function helper(t: TestContext, ...args: string[]): ChildProcess & { pid: number } {
  const child = spawn(probe(), args, { stdio: 'ignore' })
  t.cleanUp(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child as ChildProcess & { pid: number }
}

function groupsOf(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  return lines.map((line) => line.slice(line.indexOf(':', 2) + 1))
}

async function refusal(promise: Promise<void>): Promise<SandboxError> {
  const error = await promise.then(() => new Error('It was adopted')).catch((error) => error)
  assert.instance(error, SandboxError)
  return error
}

test(
  'the process is in all of the leaves, and counted with the sandbox',
  async (t) => {
    const child = await spawnProbe(t, box({ pids: 10 }), ['sleep', '60'])
    const adopted = helper(t, 'threads', '3', ',', 'sleep', '60')
    await child.adopt(adopted.pid)
    assert.equal(groupsOf(adopted.pid), groupsOf(child.pid))
    await sleep(100)
    // Itself, and the probe with its threads while they live.
    assert.ok(((await child.stats()).pids ?? 0) >= 2)
    await child.adopt(adopted.pid)
  },
  { needs: [root, cgroup2, controller('pids')] },
)

test(
  'it is under the limits from then on',
  async (t) => {
    const child = await spawnProbe(t, box({ memory: '16MiB' }), ['sleep', '60'])
    const adopted = helper(t, 'sleep', '1.5', ',', 'eat', String(64 * MIB))
    await child.adopt(adopted.pid)
    const [code, signal] = await once(adopted, 'exit')
    assert.is(code, null)
    assert.is(signal, 'SIGKILL')
    const free = helper(t, 'eat', String(64 * MIB))
    assert.equal(await once(free, 'exit'), [0, null])
  },
  { needs: [root, cgroup2, controller('memory')] },
)

test(
  'it is frozen and thawed with the sandbox',
  async (t) => {
    const child = await spawnProbe(t, box(), ['sleep', '60'])
    const adopted = helper(t, 'spin')
    await child.adopt(adopted.pid)
    const ticks = () => Number(readFileSync(`/proc/${adopted.pid}/stat`, 'utf8').split(' ')[13])
    await child.freeze()
    await sleep(50) // frozen is who is on its way to the scheduler
    const frozenAt = ticks()
    await sleep(200)
    assert.is(ticks(), frozenAt)
    await child.thaw()
    for (const deadlineMs = performance.now() + atMost(5000); ticks() <= frozenAt; await sleep(20))
      assert.ok(performance.now() < deadlineMs, 'it goes on')
  },
  { needs: [root, cgroup2] },
)

for (const limits of [{}, { memory: '64MiB', pids: 10 }]) {
  const joined = Object.keys(limits).join(' and ') || 'no limits'
  test(
    `it ends with the sandbox, with ${joined}`,
    async (t) => {
      const child = await spawnProbe(t, box(limits), ['sleep', '60'])
      const adopted = helper(t, 'ignore-term', ',', 'sleep', '60')
      await child.adopt(adopted.pid)
      const ended = once(adopted, 'exit')
      child.kill('SIGKILL')
      assert.is((await child.wait()).signal, 'SIGKILL')
      assert.equal(await ended, [null, 'SIGKILL'])
      await child.closed
    },
    { needs: [root, cgroup2, controller('memory'), controller('pids')] },
  )
}

test(
  'a process that is not there, and one that has ended, are errors with the reason',
  async (t) => {
    const child = await spawnProbe(t, box(), ['sleep', '60'])
    const gone = helper(t, 'exit', '0')
    await once(gone, 'exit')
    for (const pid of [gone.pid, 4194304]) {
      const error = await refusal(child.adopt(pid))
      assert.is(error.sandboxCode, 'ERR_SANDBOX_ADOPT')
      assert.is(error.code, 'ESRCH')
      assert.match(error.message, `Process ${pid} could not be moved`)
      assert.ok((error.hint ?? '').length > 20)
    }
  },
  { needs: cgroup2 },
)

test(
  'what is no process number is refused, and so is this very program',
  async (t) => {
    const child = await spawnProbe(t, box(), ['sleep', '60'])
    for (const pid of [0, -1, 1.5, Number.NaN, '1', null, undefined, 2 ** 31]) {
      const error = await child.adopt(pid as number).catch((error) => error)
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${pid} gave ${error}`)
      assert.match(error.message, 'adopt()')
    }
    const itself = await child.adopt(process.pid).catch((error) => error)
    assert.instance(itself, RangeError)
    assert.match(itself.message, 'would end with the sandbox')
  },
  { needs: cgroup2 },
)

test(
  'when the sandbox is over it says so',
  async (t) => {
    const child = await spawnProbe(t, box(), ['exit', '0'])
    await child.wait()
    const adopted = helper(t, 'sleep', '60')
    for (const over of [Promise.resolve(), child.closed]) {
      await over
      const error = await refusal(child.adopt(adopted.pid))
      assert.is(error.sandboxCode, 'ERR_SANDBOX_ENDED')
      assert.match(error.message, 'adopt()')
    }
  },
  { needs: cgroup2 },
)

test(
  'a caller without cgroups is told what it needs',
  async () => {
    const { code, stdout, stderr } = await runNode(
      `import { sandbox } from 'cofferdam'
       const child = await sandbox().spawn('sleep', ['60'])
       const error = await child.adopt(1).catch((error) => error)
       console.log(error.name, error.feature)
       await child[Symbol.asyncDispose]()`,
      { uid: 65534 },
    )
    assert.is(code, 0, stderr)
    assert.is(stdout, `${SandboxUnsupportedError.name} adopt()\n`)
  },
  { needs: anyUser },
)

test.run()
