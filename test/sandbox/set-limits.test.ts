// setLimits(): limits of a live sandbox, for the processes that run and for those to come.
import { existsSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SandboxProcess, SandboxUnsupportedError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, spawnProbe } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('setLimits', { warmUp: true })
const MIB = 2 ** 20

async function cpuTimeMs(child: SandboxProcess): Promise<number> {
  return (await child.stats()).cpuTimeMs ?? Number.NaN
}

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

    const eater = await spawnProbe(t, box({ memory: '8MiB', pids: 10 }), ['cat', ',', 'eat', String(24 * MIB)])
    await eater.setLimits({ memory: '48MiB' })
    eater.stdin?.end() // before, it only reads
    assert.ok((await eater.wait()).ok, 'it was given more')

    const starved = await spawnProbe(t, box({ memory: '64MiB' }), ['cat', ',', 'eat', String(24 * MIB)])
    await starved.setLimits({ memory: '8MiB' })
    starved.stdin?.end()
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
      ...['cat', ',', 'eat', String(24 * MIB), ',', 'fork-n', '4'],
    ])
    await child.setLimits({ memory: 'max', pids: 'max' })
    child.stdin?.end()
    const [stdout, result] = await Promise.all([text(child.stdout ?? Readable.from([])), child.wait()])
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
    // v2 always joins memory, and cpuset only for who asks.
    const [limits, feature] = memoryIsJoined
      ? ([{ pids: 7, cpuset: [0] }, 'limits.cpuset'] as const)
      : ([{ pids: 7, memory: '1MiB' }, 'limits.memory'] as const)
    const error = await child.setLimits(limits).catch((error) => error)
    assert.instance(error, SandboxUnsupportedError)
    assert.is(error.feature, feature)
    const max = child.cgroup.paths.map((path) => `${path}/pids.max`).find((path) => existsSync(path))
    assert.is(readFileSync(max ?? '', 'utf8'), '5\n')
  },
  { needs: controller('pids') },
)

test(
  'setLimits refuses bad values and limits that are fixed at the start',
  async (t) => {
    const child = await spawnProbe(t, box({ pids: 5 }), ['sleep', '60'])
    const setLimits = child.setLimits.bind(child) as (limits: unknown) => Promise<void>
    for (const limits of [{ wallTime: 100 }, { pids: 0 }, { memory: '1 potato' }, { cpuset: 'x' }, 'pids', null]) {
      const error = await setLimits(limits).catch((error) => error)
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${JSON.stringify(limits)} gave ${error}`)
      assert.match(error.message, 'setLimits()')
    }
  },
  { needs: controller('pids') },
)

test.run()
