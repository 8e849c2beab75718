// stats() and result.usage against the kernel's own files, read from the leaf at the same moment: a frozen one.
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SandboxProcess, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, runProbe, spawnProbe } from '../support/boxes.js'
import { command, controller, type Need } from '../support/host.js'
import { cgroupV2, kernelFrom } from '../support/kinds.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('statistics', { warmUp: true })
const only = cgroupV2
const MIB = 2 ** 20

const pressure: Need = () => (existsSync('/proc/pressure/cpu') ? undefined : 'needs a kernel with PSI')

function leafFile({ cgroup }: SandboxProcess, name: string): string {
  return readFileSync(`${cgroup.path}/${name}`, 'utf8')
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test(
  'stats() says what the files of the leaf say',
  async (t) => {
    const work = ['eat', String(8 * MIB), ',', 'fork-n', '3', '60']
    const child = await spawnProbe(t, box({ memory: '64MiB', pids: 10 }), work)
    await firstText(child.stdout, '\n')
    await child.freeze()
    // What the exit of a process gives back may be booked a moment later.
    await sleep(100)
    const names = ['cpu.stat', 'memory.current', 'memory.peak', 'pids.current', 'io.stat'] as const
    const files = () => names.map((name) => leafFile(child, name))
    let said = files()
    let stats = await child.stats()
    // The kernel may take a page back, or book one, between two looks: then the look is taken again.
    for (let i = 0; i < 20 && said.join() !== files().join(); i++) {
      said = files()
      stats = await child.stats()
    }
    const [cpu = '', memory, peak, pids, io = ''] = said
    assert.is(stats.cpuTimeMs, field(cpu, 'usage_usec') / 1e3)
    assert.is(stats.userTimeMs, field(cpu, 'user_usec') / 1e3)
    assert.is(stats.systemTimeMs, field(cpu, 'system_usec') / 1e3)
    assert.is(stats.memoryBytes, Number(memory))
    assert.is(stats.memoryPeakBytes, Number(peak))
    assert.is(stats.pids, 4)
    assert.is(stats.pids, Number(pids))
    const sum = (key: string) =>
      [...io.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce((s, m) => s + Number(m[1]), 0)
    assert.is(stats.readBytes, sum('rbytes'))
    assert.is(stats.writtenBytes, sum('wbytes'))
  },
  { only, needs: [controller('memory'), controller('pids'), controller('io')] },
)

test(
  'pidsPeak is the kernel’s, live and at the end',
  async (t) => {
    const child = await spawnProbe(t, box({ pids: 10 }), [
      'fork-n',
      '3',
      ',',
      'spin-in-turn',
      '2',
      '0',
      ',',
      'sleep',
      '60',
    ])
    await firstText(child.stdout, '\n')
    const { pidsPeak } = await child.stats()
    assert.is(pidsPeak, Number(leafFile(child, 'pids.peak')))
    assert.is(pidsPeak, 4)
    child.kill('SIGKILL')
    assert.is((await child.wait()).usage.pidsPeak, 4)
  },
  { only: [only, kernelFrom(6, 1)], needs: controller('pids') },
)

test(
  'usage at the end is what the leaf last said',
  async (t) => {
    const recipe = box({ memory: '64MiB', pids: 10 }).user(0)
    const child = await spawnProbe(t, recipe, ['eat', String(8 * MIB), ',', 'spin', '50', ',', 'say', 'x', ',', 'cat'])
    await firstText(child.stdout, 'x\n')
    await child.freeze()
    await sleep(100)
    const before = await child.stats()
    await child.thaw()
    child.stdin?.end()
    const { usage } = await child.wait()
    assert.ok(usage.memoryPeakBytes >= (before.memoryPeakBytes ?? 0), 'a peak does not go down')
    assert.ok(usage.memoryPeakBytes < (before.memoryPeakBytes ?? 0) + MIB, `${usage.memoryPeakBytes} bytes`)
    assert.ok(usage.cpuTimeMs >= (before.cpuTimeMs ?? 0))
    assert.ok(
      usage.cpuTimeMs < (before.cpuTimeMs ?? 0) + atMost(100),
      `${usage.cpuTimeMs} ms after ${before.cpuTimeMs}`,
    )
  },
  { only, needs: [controller('memory'), controller('pids')] },
)

test(
  'what is written to a disk is counted in bytes, without the page cache',
  async (t) => {
    const directory = t.tempDir()
    const recipe = sandbox().user(0).bind(directory, '/work', { writable: true })
    chmodSync(directory, 0o777)
    const args = ['if=/dev/zero', 'of=/work/file', 'bs=64k', 'count=16', 'oflag=direct']
    const result = await recipe.measure('io').run('dd', args)
    assert.ok(result.ok, result.stderr)
    const { writtenBytes = 0 } = result.usage
    assert.ok(writtenBytes >= MIB && writtenBytes < 1.25 * MIB, `${writtenBytes} bytes`)
  },
  { only, needs: [controller('io'), command('dd')] },
)

test(
  'CPU pressure is the time that somebody waited for a CPU',
  async (t) => {
    const crowded = await spawnProbe(t, box({ cpuset: [0] }), ['spin-children', '2'])
    const alone = await spawnProbe(t, box(), ['sleep', '60'])
    await sleep(500) // it has waited for a CPU to get where it sleeps
    const { cpuPressureMs: before = Number.NaN } = await alone.stats()
    await sleep(1000)
    const [busy, idle] = [await crowded.stats(), await alone.stats()]
    assert.ok((busy.cpuPressureMs ?? 0) > 300, `${busy.cpuPressureMs} ms`)
    assert.ok((idle.cpuPressureMs ?? Number.NaN) - before < 100, `${idle.cpuPressureMs} ms after ${before}`)
    assert.type(idle.memoryPressureMs, 'number')
    assert.type(idle.ioPressureMs, 'number')
  },
  { only, needs: [controller('cpuset'), pressure] },
)

test(
  'a CPU quota shows in cpu.stat and holds over its time: used by wall',
  async () => {
    for (const cpu of [0.2, 0.5, 1.5]) {
      const { usage } = await runProbe(box({ cpu, wallTime: 2000 }), 'spin-children', '2')
      const cores = usage.cpuTimeMs / usage.wallTimeMs
      assert.ok(cores <= cpu * 1.15, `${cpu} cores allowed, ${cores.toFixed(3)} used`)
      assert.ok(cores >= cpu * 0.3, `${cpu} cores allowed, only ${cores.toFixed(3)} used`)
    }
  },
  { only, needs: controller('cpu') },
)

test.run()
