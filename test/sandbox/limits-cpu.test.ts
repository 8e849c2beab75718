// limits({ cpu, cpuset }) and priority(): how fast, where, and before whom.
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError, SandboxUnsupportedError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, runProbe, spawnProbe } from '../support/boxes.js'
import { controller, type Need, root } from '../support/host.js'
import { cgroupV1 } from '../support/kinds.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('cpu limits', { warmUp: true })

const twoCpus: Need = () => (cpus().length >= 2 ? undefined : 'needs two CPUs')
const noIoWeight: Need = () => {
  const offered = sandbox().priority({ ioWeight: 50 }).plan().unsupported.length === 0
  return offered ? 'needs a host without proportional disk scheduling' : undefined
}

test(
  'cpu slows a whole tree down to that many cores',
  async () => {
    for (const cpu of [0.25, 0.5]) {
      const { usage, outcome } = await runProbe(box({ cpu, wallTime: 1000 }), 'spin-children', '2')
      assert.is(outcome, 'wall-time-limit')
      const cores = usage.cpuTimeMs / usage.wallTimeMs
      // The first and the last period may be used in full.
      assert.ok(cores <= cpu * 1.25, `${cpu} cores allowed, ${cores.toFixed(3)} used`)
      assert.ok(cores >= cpu * 0.4, `${cpu} cores allowed, only ${cores.toFixed(3)} used`)
    }
  },
  { needs: controller('cpu') },
)

test(
  'cpu at its bounds: a hundredth of a core still runs, and more cores than there are is no limit',
  async () => {
    const slow = await runProbe(box({ cpu: 0.01 }), 'say', 'slow')
    assert.is(slow.stdout, 'slow\n', slow.explain())
    const fast = await runProbe(box({ cpu: 4096 }), 'spin', '200')
    assert.ok(fast.ok, fast.explain())
    const unlimited = await runProbe(box({ cpu: 0.01 }).limits({ cpu: 'max' }), 'spin', '200')
    // A hundredth of a core would need 20 s for it.
    assert.ok(unlimited.usage.wallTimeMs < 5000, unlimited.explain())
  },
  { needs: controller('cpu') },
)

test(
  'cpuTime is enforced below a cpu quota, too',
  async () => {
    const result = await runProbe(box({ cpu: 0.5, cpuTime: 100, wallTime: '10s' }), 'spin')
    assert.is(result.outcome, 'cpu-time-limit', result.explain())
    assert.ok(result.usage.cpuTimeMs <= 100 + atMost(50), result.explain())
  },
  { needs: controller('cpu') },
)

test(
  'cpuset is where the whole tree may run',
  async () => {
    const affinity = async (cpuset: string | number[]) => {
      const { stdout } = (await runProbe(box({ cpuset }), 'affinity', ',', 'in-child', 'affinity')).throwIfFailed()
      const [own, child] = stdout.split('\n')
      assert.is(own, child, 'a child has the same')
      return JSON.parse(own ?? '')
    }
    assert.equal(await affinity([1]), [1])
    assert.equal(await affinity('0'), [0])
    assert.equal(await affinity('0-1'), [0, 1])
    assert.equal(await affinity([1, 0, 1]), [0, 1])
  },
  { needs: [controller('cpuset'), twoCpus] },
)

test(
  'a CPU that the host has not is an error that names the limit, not a sandbox without it',
  async () => {
    const error = await box({ cpuset: [8191] })
      .run('/true')
      .catch((error) => error)
    assert.instance(error, SandboxError)
    assert.match(error.message, 'limits.cpuset')
  },
  { needs: controller('cpuset') },
)

test('nice is what the program runs with, its children included', async () => {
  for (const nice of [0, 1, 19]) {
    const { stdout } = (await runProbe(box().priority({ nice }), 'process', ',', 'in-child', 'process')).throwIfFailed()
    const [own, child] = stdout.split('\n').map((line) => (line.startsWith('{') ? JSON.parse(line).nice : undefined))
    assert.is(own, nice)
    assert.is(child, nice)
  }
})

test(
  'a caller with rights can put a program first',
  async () => {
    const { stdout } = (await runProbe(box().priority({ nice: -20 }), 'process')).throwIfFailed()
    assert.is(JSON.parse(stdout).nice, -20)
  },
  { needs: root },
)

test(
  'cpuWeight divides one CPU between two that compete for it',
  async (t) => {
    const compete = (cpuWeight: number) => spawnProbe(t, box({ cpuset: [1] }).priority({ cpuWeight }), ['spin'])
    const rivals = await Promise.all([compete(100), compete(800)])
    const used = () => Promise.all(rivals.map(async (rival) => (await rival.stats()).cpuTimeMs ?? Number.NaN))
    await sleep(atMost(200)) // the one that starts first is alone for a while
    const before = await used()
    await sleep(atMost(1300))
    const [low = 0, high = 0] = (await used()).map((ms, i) => ms - (before[i] ?? 0))
    for (const rival of rivals) rival.kill('SIGKILL')
    await Promise.all(rivals.map((rival) => rival.wait()))
    const ratio = high / low
    assert.ok(ratio > 3 && ratio < 20, `weights 100 and 800 gave ${low} and ${high} ms, ratio ${ratio.toFixed(2)}`)
  },
  { needs: [controller('cpu'), controller('cpuset'), twoCpus] },
)

test(
  'cpuWeight at its bounds is accepted by the kernel',
  async () => {
    for (const cpuWeight of [1, 100, 10000]) {
      assert.ok((await box().priority({ cpuWeight }).run('/true')).ok)
    }
  },
  { needs: controller('cpu') },
)

test(
  'ioWeight on a host without such a scheduler is refused with a remedy, and nothing runs',
  async () => {
    const recipe = box().priority({ ioWeight: 50 })
    for (const start of [() => recipe.run('/true'), () => recipe.spawn('/true')]) {
      const error = await start().catch((error) => error)
      assert.instance(error, SandboxUnsupportedError)
      assert.is(error.feature, 'priority.ioWeight')
      assert.ok(error.hint.length > 10, 'a hint')
      assert.match(error.message, error.hint)
    }
  },
  { only: cgroupV1, needs: noIoWeight },
)

test(
  'what cgroups enforce is in the files of the leaf before the program runs',
  async (t) => {
    const child = await spawnProbe(t, box({ cpu: 0.5, pids: 7, memory: '20MiB' }), ['sleep', '60'])
    const files: [file: string, value: string][] = [
      ['cpu.max', '50000 100000'],
      ['cpu.cfs_quota_us', '50000'],
      ['pids.max', '7'],
      ['memory.max', String(20 * 2 ** 20)],
      ['memory.limit_in_bytes', String(20 * 2 ** 20)],
    ]
    const written = files.flatMap(([file, value]) => {
      const texts = child.cgroup.paths.map((path) => read(`${path}/${file}`)).filter((text) => text !== undefined)
      return texts.length > 0 ? [[file, texts.includes(value)]] : []
    })
    assert.is(written.length, 3, 'one file for each limit')
    assert.ok(
      written.every(([, right]) => right),
      JSON.stringify(written),
    )
  },
  { needs: [controller('cpu'), controller('pids'), controller('memory')] },
)

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

test.run()
