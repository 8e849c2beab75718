// A live sandbox: kill, freeze, thaw, stats, setLimits, dispose, and each of them when it is over.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError, type SandboxProcess, SandboxUnsupportedError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { cgroup2, controller } from '../support/host.js'
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
  assert.is(readFileSync(`/proc/${child.pid}/comm`, 'utf8'), 'probe\n')
  assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), 'sleep')
})

test('kill sends a signal by name or by number, SIGTERM by default', async (t) => {
  for (const [signal, name] of [
    [undefined, 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    [10, 'SIGUSR1'],
    ['SIGKILL', 'SIGKILL'],
    [64, 'SIGRTMIN+30'],
  ] as const) {
    const child = await spawnProbe(t, box(), ['sleep', '60'])
    assert.is(signal === undefined ? child.kill() : child.kill(signal), true)
    assert.is((await child.wait()).signal, name)
  }
})

test('kill reaches the command alone: what to do about its children is its own affair', async (t) => {
  const child = await spawnProbe(t, box(), ['in-child', 'sleep', '0.5'])
  await sleep(100)
  child.kill('SIGUSR1')
  assert.is((await child.wait()).signal, 'SIGUSR1')
})

test('a program may ignore SIGTERM, but not SIGKILL', async (t) => {
  const child = await spawnProbe(t, box(), ['ignore-term'])
  await firstText(child.stdout)
  assert.ok(child.kill())
  const early = await Promise.race([child.wait(), sleep(200, 'still there')])
  assert.is(early, 'still there')
  child.kill('SIGKILL')
  assert.is((await child.wait()).signal, 'SIGKILL')
})

test('signal 0 only asks; after the end the answer is false, for every signal', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  assert.ok(child.kill(0))
  assert.ok(child.kill('SIGKILL'))
  await child.wait()
  assert.equal([child.kill(), child.kill('SIGKILL'), child.kill(0)], [false, false, false])
  await child.closed
  assert.not(child.kill())
})

test('what is no signal is refused by name, also after the end', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  const kill = child.kill.bind(child) as (signal: unknown) => boolean
  const refused = () => {
    assert.throws(() => kill('SIGTREM'), /SIGTERM/)
    assert.throws(
      () => kill('term'),
      (error: Error) => error instanceof TypeError,
    )
    for (const number of [-1, 65, 1.5, Number.NaN]) {
      assert.throws(
        () => kill(number),
        (error: Error) => error instanceof RangeError,
      )
    }
    assert.throws(
      () => kill(null),
      (error: Error) => error instanceof TypeError,
    )
  }
  refused()
  child.kill('SIGKILL')
  await child.wait()
  refused()
})

test(
  'freeze stops the whole tree until thaw, and the program cannot tell',
  async (t) => {
    const child = await spawnProbe(t, box(), ['spin-children', '2'])
    await sleep(50)
    await child.freeze()
    const frozenAt = await cpuTimeMs(child)
    await sleep(200)
    assert.is(await cpuTimeMs(child), frozenAt)
    await child.freeze()
    await child.thaw()
    await sleep(200)
    assert.ok((await cpuTimeMs(child)) > frozenAt + 20, 'it goes on')
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
    assert.is(stats.readBytes, undefined, 'nobody asked for it')
  },
  { needs: [controller('memory'), controller('pids'), cgroup2] },
)

test(
  'setLimits takes hold of a running program',
  async (t) => {
    const child = await spawnProbe(t, box({ cpu: 2, memory: '64MiB', pids: 10 }), ['spin'])
    await child.setLimits({ cpu: 0.1 })
    await sleep(150)
    const before = [await cpuTimeMs(child), performance.now()] as const
    await sleep(500)
    const cores = ((await cpuTimeMs(child)) - before[0]) / (performance.now() - before[1])
    assert.ok(cores < 0.2, `${cores} cores`)

    const eater = await spawnProbe(t, box({ memory: '8MiB', pids: 10 }), ['sleep', '0.3', ',', 'eat', String(24 * MIB)])
    await eater.setLimits({ memory: '48MiB' })
    assert.ok((await eater.wait()).ok, 'it was given more')

    const starved = await spawnProbe(t, box({ memory: '64MiB' }), ['sleep', '0.3', ',', 'eat', String(24 * MIB)])
    await starved.setLimits({ memory: '8MiB' })
    const result = await starved.wait()
    assert.is(result.outcome, 'memory-limit', result.explain())
    assert.match(result.explain(), 'its memory limit of 8 MiB', 'the limit that was in force')
  },
  { needs: [controller('cpu'), controller('memory'), controller('pids')] },
)

test(
  "setLimits takes 'max', several limits at once, and pids",
  async (t) => {
    const child = await spawnProbe(t, box({ memory: '8MiB', pids: 2 }), [
      ...['sleep', '0.3', ',', 'eat', String(24 * MIB), ',', 'fork-n', '4'],
    ])
    await child.setLimits({ memory: 'max', pids: 'max' })
    const [stdout, result] = await Promise.all([readAll(child), child.wait()])
    assert.ok(result.ok, result.explain())
    assert.match(stdout, '"forked":4')
  },
  { needs: [controller('memory'), controller('pids')] },
)

test(
  'setLimits refuses a limit whose controller was not joined, and changes nothing',
  async (t) => {
    const child = await spawnProbe(t, box({ pids: 5 }), ['sleep', '60'])
    const memoryIsJoined = child.cgroup.paths.some((path) => existsSync(`${path}/memory.max`))
    if (memoryIsJoined) t.skip('the memory controller is always joined here')
    const error = await child.setLimits({ pids: 7, memory: '1MiB' }).catch((error) => error)
    assert.instance(error, SandboxUnsupportedError)
    assert.is(error.feature, 'limits.memory')
    const max = child.cgroup.paths.map((path) => `${path}/pids.max`).find((path) => existsSync(path))
    assert.is(readFileSync(max ?? '', 'utf8'), '5\n')
  },
  { needs: controller('pids') },
)

test('setLimits refuses bad values and limits that are fixed at the start', async (t) => {
  const child = await spawnProbe(t, box({ pids: 5 }), ['sleep', '60'])
  const setLimits = child.setLimits.bind(child) as (limits: unknown) => Promise<void>
  for (const limits of [{ wallTime: 100 }, { pids: 0 }, { memory: '1 potato' }, { cpuset: 'x' }, 'pids', null]) {
    const error = await setLimits(limits).catch((error) => error)
    assert.ok(error instanceof TypeError || error instanceof RangeError, `${JSON.stringify(limits)} gave ${error}`)
    assert.match(error.message, 'setLimits()')
  }
})

test('when it is over, each operation says so and names itself', async (t) => {
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
})

test('disposing ends the whole tree and resolves when nothing is left; twice is once', async (t) => {
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

test('two sandboxes of one recipe at once know nothing of each other', async (t) => {
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
})

async function readAll({ stdout }: SandboxProcess): Promise<string> {
  let all = ''
  for await (const chunk of stdout ?? []) all += chunk
  return all
}

test.run()
