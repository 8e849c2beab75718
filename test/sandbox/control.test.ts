// A live sandbox: freeze, thaw, stats, dispose, and each of them when it is over.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError, type SandboxProcess, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs, spawnProbe } from '../support/boxes.js'
import { cgroup2, controller } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('control', { warmUp: true })
const MIB = 2 ** 20

function state(pid: number): string {
  return /^State:\t(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
}

async function cpuTimeMs(child: SandboxProcess): Promise<number> {
  return (await child.stats()).cpuTimeMs ?? Number.NaN
}

test("pid is the command's own on the host", async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  // execve lets go of init's memory, by which init knows that it has succeeded, a moment before it sets these.
  const comm = () => readFileSync(`/proc/${child.pid}/comm`, 'utf8')
  const cmdline = () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')
  const isSet = () => comm() === 'probe\n' && cmdline() !== ''
  for (const endMs = performance.now() + atMost(5000); !isSet() && performance.now() < endMs; ) await sleep(1)
  assert.is(comm(), 'probe\n')
  assert.match(cmdline(), 'sleep')
})

test(
  'freeze stops the whole tree until thaw, and the program cannot tell',
  async (t) => {
    const child = await spawnProbe(t, box(), ['spin-children', '2'])
    await sleep(50)
    await child.freeze()
    await sleep(50) // frozen is who is on its way to the scheduler
    const frozenAt = await cpuTimeMs(child)
    await sleep(200)
    assert.is(await cpuTimeMs(child), frozenAt)
    await child.freeze()
    await child.thaw()
    for (
      const deadlineMs = performance.now() + atMost(5000);
      (await cpuTimeMs(child)) <= frozenAt + 20;
      await sleep(20)
    )
      assert.ok(performance.now() < deadlineMs, 'it goes on')
    await child.thaw()
    assert.ok(!['T', 't'].includes(state(child.pid)), 'it was never stopped by a signal')
  },
  { needs: cgroup2 },
)

test(
  'a frozen program can still be killed, disposed of, and ended by its wall time limit',
  async (t) => {
    const killed = await spawnProbe(t, box(), ['spin'])
    await killed.freeze()
    killed.kill('SIGKILL')
    assert.is((await killed.wait()).signal, 'SIGKILL')

    const disposed = await spawnProbe(t, box(), ['spin'])
    await disposed.freeze()
    await disposed[Symbol.asyncDispose]()
    assert.is((await disposed.wait()).outcome, 'aborted')

    const limited = await spawnProbe(t, box({ wallTime: 300 }), ['spin'])
    await limited.freeze()
    assert.is((await limited.wait()).outcome, 'wall-time-limit')
  },
  { needs: cgroup2 },
)

test(
  'stats are the figures of now, for the whole tree',
  async (t) => {
    const recipe = box({ memory: '64MiB', pids: 10, wallTime: '20s' })
    const child = await spawnProbe(t, recipe, ['eat', String(16 * MIB), ',', 'fork-n', '3', '60'])
    await new Promise<void>((done) => child.stdout?.on('data', (data) => String(data).includes('forked') && done()))
    const stats = await child.stats()
    assert.is(stats.pids, 4)
    assert.ok((stats.memoryBytes ?? 0) >= 16 * MIB && (stats.memoryBytes ?? 0) < 24 * MIB, `${stats.memoryBytes} bytes`)
    assert.ok((stats.memoryPeakBytes ?? 0) >= (stats.memoryBytes ?? 0))
    assert.ok((stats.cpuTimeMs ?? 0) > 0)
    // v2 has it in every leaf; a v1 group is joined only for who asks.
    const counted = child.cgroup.paths.some((path) => existsSync(`${path}/io.stat`))
    assert.is(typeof stats.readBytes, counted ? 'number' : 'undefined')
  },
  { needs: [controller('memory'), controller('pids'), cgroup2] },
)

test(
  'when it is over, each operation says so and names itself',
  async (t) => {
    const child = await spawnProbe(t, box({ memory: '16MiB' }), ['exit', '0'])
    await child.wait()
    for (const over of ['at once', 'closed']) {
      if (over === 'closed') await child.closed
      const operations = {
        'freeze()': child.freeze(),
        'thaw()': child.thaw(),
        'stats()': child.stats(),
        'setLimits()': child.setLimits({ memory: '32MiB' }),
      }
      for (const [name, operation] of Object.entries(operations)) {
        const error = await operation.then(() => undefined).catch((error) => error)
        assert.instance(error, SandboxError, `${name} ${over}`)
        assert.is(error.sandboxCode, 'ERR_SANDBOX_ENDED')
        assert.match(error.message, name)
      }
    }
  },
  { needs: controller('memory') },
)

test(
  'disposing ends the whole tree and resolves when nothing is left; twice is once',
  async (t) => {
    const child = await spawnProbe(t, box({ memory: '16MiB' }), ['orphan', '60', ',', 'sleep', '60'])
    const paths = [...child.cgroup.paths, `/proc/${child.pid}`]
    assert.ok(paths.every((path) => existsSync(path)))
    await Promise.all([child[Symbol.asyncDispose](), child[Symbol.asyncDispose]()])
    assert.equal(
      paths.filter((path) => existsSync(path)),
      [],
    )
    assert.is((await child.wait()).outcome, 'aborted')
    await child[Symbol.asyncDispose]()
  },
  { needs: controller('memory') },
)

test('await using disposes of it at the end of the block', async () => {
  let pid: number
  {
    await using child = await box().spawn('/probe', ['sleep', '60'])
    pid = child.pid
    assert.ok(existsSync(`/proc/${pid}`))
  }
  assert.not(existsSync(`/proc/${pid}`))
})

test('disposing of what has ended keeps its result', async (t) => {
  const child = await spawnProbe(t, box(), ['exit', '3'])
  await child.wait()
  await child[Symbol.asyncDispose]()
  const result = await child.wait()
  assert.is(result.outcome, 'exited')
  assert.is(result.exitCode, 3)
})

test('wait() is the same promise every time, and closed comes after it', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '0.05'])
  assert.is(child.wait(), child.wait())
  const order: string[] = []
  await Promise.all([child.closed.then(() => order.push('closed')), child.wait().then(() => order.push('exited'))])
  assert.equal(order, ['exited', 'closed'])
  assert.is(await child.wait(), await child.wait())
})

test(
  'two sandboxes of one recipe at once know nothing of each other',
  async (t) => {
    const recipe = sandbox().rootfs(probeRootfs).user(0)
    const first = await spawnProbe(t, recipe, ['write', '/tmp/mine', 'first', ',', 'cat', ',', 'read', '/tmp/mine'])
    const second = await spawnProbe(t, recipe, ['write', '/tmp/mine', 'second', ',', 'pids', ',', 'read', '/tmp/mine'])
    const { stdout } = { stdout: await readAll(second) }
    const [pids, text] = stdout.split('\n')
    assert.equal(JSON.parse(pids ?? '').visible, [1, 2])
    assert.is(text, 'second')
    first.stdin?.end()
    assert.is(await readAll(first), 'first')
    assert.not.equal(first.cgroup.paths, second.cgroup.paths)
    assert.ok((await first.wait()).ok && (await second.wait()).ok)
  },
  { needs: cgroup2 },
)

async function readAll({ stdout }: SandboxProcess): Promise<string> {
  let all = ''
  for await (const chunk of stdout ?? []) all += chunk
  return all
}

test.run()
