// What a program leaves behind inside, what happens to init, and to the processes of a sandbox without a pid namespace.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError, type SandboxProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, runProbe, spawnProbe } from '../support/boxes.js'
import { cgroup2, controller, root } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'
import { offspring, survivors } from '../support/victims.js'

const test = suite('orphans', { warmUp: true })

/** The inits of this process's sandboxes are its direct children. */
function initOf(child: SandboxProcess): number {
  return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
}

function state(pid: number): string | undefined {
  return /^State:\t(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

async function until(condition: () => boolean, limitMs = 3000): Promise<boolean> {
  const deadlineMs = performance.now() + limitMs
  while (!condition() && performance.now() < deadlineMs) await sleep(5)
  return condition()
}

test("the command is init's child, and init is ours", async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  const init = initOf(child)
  assert.match(readFileSync(`/proc/${init}/status`, 'utf8'), new RegExp(`^PPid:\t${process.pid}$`, 'm'))
})

/** Once the process between them has gone. */
async function commandAndOrphan(child: SandboxProcess): Promise<ReturnType<typeof offspring>> {
  const init = initOf(child)
  assert.ok(await until(() => offspring(init).length === 2), 'the command and its orphan')
  return offspring(init)
}

for (const [name, recipe] of [
  ['with a pid namespace of its own', () => box()],
  ["in the host's pid namespace", () => box().share('pid')],
] as const) {
  test(
    `an orphan in a session of its own ends with the command, ${name}`,
    async (t) => {
      const child = await spawnProbe(t, recipe(), ['orphan', '60', ',', 'cat'])
      assert.match(await firstText(child.stdout), /^\d+\n$/)
      const all = await commandAndOrphan(child)
      child.stdin?.end()
      assert.ok((await child.wait()).ok)
      await child.closed
      assert.equal(await survivors(all, 0), [], 'closed means that nobody is left')
    },
    { needs: cgroup2 },
  )

  test(
    `a fork bomb is gone when its sandbox is closed, ${name}`,
    async (t) => {
      const child = await spawnProbe(t, recipe().limits({ pids: 24, wallTime: 800 }), ['fork-bomb'])
      const init = initOf(child)
      await until(() => offspring(init).length > 10)
      const all = offspring(init)
      assert.is((await child.wait()).outcome, 'wall-time-limit')
      await child.closed
      assert.equal(await survivors(all, 0), [])
    },
    { needs: [cgroup2, controller('pids')] },
  )

  test(
    `disposing ends orphans, too, ${name}`,
    async (t) => {
      const child = await spawnProbe(t, recipe(), ['orphan', '60', ',', 'ignore-term'])
      await firstText(child.stdout)
      const all = await commandAndOrphan(child)
      await child[Symbol.asyncDispose]()
      assert.equal(await survivors(all, 0), [])
    },
    { needs: cgroup2 },
  )
}

test('orphans that end are reaped while the command runs', async (t) => {
  const child = await spawnProbe(t, box(), ['zombies', '20', ',', 'say', 'done', ',', 'sleep', '60'])
  assert.is(await firstText(child.stdout), 'done\n')
  const init = initOf(child)
  assert.ok(
    await until(() => offspring(init).length === 1),
    `left: ${offspring(init).map(({ pid, name }) => `${pid} ${name} ${existsSync(`/proc/${pid}`) && state(pid)}`)}`,
  )
})

test('init cannot be killed, stopped or traced from inside', async () => {
  const result = await runProbe(
    box({ wallTime: 500 }).seccomp('off'),
    ...['try-kill', '1', '9', ',', 'try-kill', '1', '19', ',', 'try-kill', '1', '15', ',', 'try-ptrace', '1'],
    ...[',', 'say', 'still here', ',', 'sleep', '60'],
  )
  assert.is(result.outcome, 'wall-time-limit', 'its clocks go on')
  const answers = result.stdout.trim().split('\n')
  assert.is(answers.pop(), 'still here')
  assert.is(answers.length, 4)
  assert.is(answers.at(-1), 'EPERM', 'tracing is refused; signals may be, or are ignored')
})

test('a command that kills everything it can see ends only its own sandbox', async (t) => {
  const other = await spawnProbe(t, box(), ['sleep', '60'])
  const result = await runProbe(box(), 'orphan', '60', ',', 'try-kill', '-1', '9', ',', 'say', 'alone now')
  assert.match(result.stdout, 'alone now')
  assert.ok(result.ok, result.explain())
  assert.ok(other.kill(0))
})

test(
  'a SIGKILL of init from the host is a lost sandbox: an error, and nothing left of the tree',
  async (t) => {
    for (const args of [
      ['sleep', '60'],
      ['orphan', '60', ',', 'write-forever'],
    ]) {
      const child = await spawnProbe(t, box({ memory: '32MiB' }), args)
      await sleep(50)
      const init = initOf(child)
      const all = offspring(init)
      process.kill(init, 'SIGKILL')
      const error = await child.wait().catch((error) => error)
      assert.instance(error, SandboxError)
      assert.is(error.sandboxCode, 'ERR_SANDBOX_LOST')
      assert.match(error.message, 'ended without a report')
      assert.match(error.hint, 'killed from outside')
      await child.closed
      assert.equal(await survivors(all, 0), [])
      assert.not(child.kill())
    }
  },
  { needs: root },
)

test(
  'run() rejects with a lost sandbox, too, and the next one works',
  async () => {
    const lost = runProbe(box(), 'sleep', '60').catch((error) => error)
    let command: number | undefined
    assert.ok(
      await until(() => {
        command = offspring(process.pid).find(({ name }) => name === 'probe')?.pid
        return command !== undefined
      }),
    )
    process.kill(initOf({ pid: command } as SandboxProcess), 'SIGKILL')
    const error = await lost
    assert.instance(error, SandboxError)
    assert.is(error.sandboxCode, 'ERR_SANDBOX_LOST')
    assert.ok((await box().run('/true')).ok)
  },
  { needs: root },
)

test(
  'an init that the host stops goes on where it was, and is still subject to disposal',
  async (t) => {
    const child = await spawnProbe(t, box({ wallTime: 400 }), ['sleep', '60'])
    const init = initOf(child)
    process.kill(init, 'SIGSTOP')
    assert.ok(await until(() => state(init) === 'T'))
    await sleep(600)
    process.kill(init, 'SIGCONT')
    assert.is((await child.wait()).outcome, 'wall-time-limit')

    const stopped = await spawnProbe(t, box(), ['sleep', '60'])
    process.kill(initOf(stopped), 'SIGSTOP')
    const disposed = stopped[Symbol.asyncDispose]().then(() => 'disposed')
    const first = await Promise.race([disposed, sleep(atMost(3000), 'hangs')])
    if (existsSync(`/proc/${stopped.pid}`)) process.kill(initOf(stopped), 'SIGCONT')
    await disposed
    assert.is(first, 'disposed', 'disposal must not depend on init')
  },
  { needs: root },
)

test('a command that is killed from the host has been signaled, like any other', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  process.kill(child.pid, 'SIGKILL')
  const result = await child.wait()
  assert.is(result.outcome, 'signaled')
  assert.is(result.signal, 'SIGKILL')
})

test.run()
