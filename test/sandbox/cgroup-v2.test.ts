// What only cgroup v2 has: limits that slow down instead of ending, killing a whole group, swap by itself, disk weights.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, type SandboxProcess, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, runProbe, spawnProbe } from '../support/boxes.js'
import { command, controller, type Need } from '../support/host.js'
import { cgroupV2 } from '../support/kinds.js'
import { suite } from '../support/suite.js'

const test = suite('cgroup v2', { warmUp: true })
const only = cgroupV2
const MIB = 2 ** 20

const swap: Need = () =>
  readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1 ? undefined : 'needs swap space in use'

/** A directory on a disk with the BFQ scheduler. */
function onBfq(): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const found = mounts
    .map((line) => line.split(' '))
    .find(([device = '']) => {
      const file = `/sys/block/${basename(device)}/queue/scheduler`
      return device.startsWith('/dev/') && existsSync(file) && readFileSync(file, 'utf8').includes('[bfq]')
    })
  return found?.[1]
}

const bfqDisk: Need = () => (onBfq() === undefined ? 'needs a file system on a disk with the BFQ scheduler' : undefined)

/** A file of the command's leaf. */
function leafFile({ cgroup }: SandboxProcess, name: string): string {
  return readFileSync(`${cgroup.path}/${name}`, 'utf8').trim()
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test(
  'there is one leaf, with every controller that the host can give, and the limits are in it before the program runs',
  async (t) => {
    const recipe = box({ cpu: 0.5, pids: 7, memory: '20MiB', memoryHigh: '10MiB', oomGroup: true, swap: '1MiB' })
    const child = await spawnProbe(t, recipe.limits({ cpuset: [0] }).priority({ cpuWeight: 50, ioWeight: 300 }), [
      ...['sleep', '60'],
    ])
    assert.is(child.cgroup.paths.length, 1)
    const files = {
      'cpu.max': '50000 100000',
      'cpu.weight': '50',
      'cpuset.cpus': '0',
      'memory.max': String(20 * MIB),
      'memory.high': String(10 * MIB),
      'memory.oom.group': '1',
      'memory.swap.max': String(MIB),
      'pids.max': '7',
      'io.weight': 'default 300',
    }
    for (const [file, value] of Object.entries(files)) assert.is(leafFile(child, file), value, file)
    assert.is(leafFile(child, 'cgroup.procs'), String(child.pid))
    const controllers = leafFile(child, 'cgroup.controllers').split(' ')
    assert.equal(
      ['cpu', 'cpuset', 'io', 'memory', 'pids'].filter((name) => !controllers.includes(name)),
      [],
    )
  },
  { only },
)

test(
  'memoryHigh has memory beyond it swapped out, and ends nothing',
  async (t) => {
    const recipe = box({ memory: '64MiB', memoryHigh: '8MiB', swap: 'max', wallTime: '5m' })
    const child = await spawnProbe(t, recipe, ['eat', String(24 * MIB), ',', 'say', 'done', ',', 'sleep', '60'])
    await firstText(child.stdout, 'done\n')
    const { memoryBytes = 0 } = await child.stats()
    assert.ok(memoryBytes < 12 * MIB, `${memoryBytes} bytes in memory`)
    assert.ok(Number(leafFile(child, 'memory.swap.current')) > 8 * MIB, leafFile(child, 'memory.swap.current'))
    const events = leafFile(child, 'memory.events')
    assert.ok(field(events, 'high') > 0, events)
    assert.is(field(events, 'oom_kill'), 0)
    assert.ok(((await child.stats()).memoryPressureMs ?? 0) > 0)
  },
  { only, needs: [controller('memory'), swap], timeoutMs: 60_000 },
)

test(
  'swap is a limit of its own',
  async () => {
    const eat = (recipe: Sandbox) => runProbe(recipe, 'eat', String(24 * MIB))
    const without = await eat(box({ memory: '16MiB' }))
    assert.is(without.outcome, 'memory-limit', without.explain())
    const within = await eat(box({ memory: '16MiB', swap: '32MiB' }))
    assert.ok(within.ok, within.explain())
    const beyond = await eat(box({ memory: '8MiB', swap: '8MiB' }))
    assert.is(beyond.outcome, 'memory-limit', beyond.explain())
  },
  { only, needs: [controller('memory'), swap], timeoutMs: 60_000 },
)

test(
  'oomGroup ends the whole tree where otherwise one process would be killed',
  async () => {
    const hungryChild = ['in-child', 'eat', String(64 * MIB)]
    const one = await runProbe(box({ memory: '16MiB' }), ...hungryChild)
    assert.is(one.stdout, 'signaled 9\n')
    assert.is(one.outcome, 'exited')
    const all = await runProbe(box({ memory: '16MiB', oomGroup: true }), ...hungryChild)
    assert.is(all.stdout, '')
    assert.is(all.outcome, 'memory-limit', all.explain())
    assert.is(all.signal, 'SIGKILL')
  },
  { only, needs: controller('memory') },
)

test(
  'setLimits changes memoryHigh and oomGroup of a running program, and takes them back',
  async (t) => {
    const child = await spawnProbe(t, box({ memory: '64MiB', cpuset: [0, 1] }), ['sleep', '60'])
    await child.setLimits({ memoryHigh: '32MiB', oomGroup: true, ioWeight: 700, cpuWeight: 20, cpuset: [0] })
    assert.is(leafFile(child, 'memory.high'), String(32 * MIB))
    assert.is(leafFile(child, 'memory.oom.group'), '1')
    assert.is(leafFile(child, 'io.weight'), 'default 700')
    assert.is(leafFile(child, 'cpu.weight'), '20')
    assert.is(leafFile(child, 'memory.max'), String(64 * MIB), 'what was not named stays')
    await child.setLimits({ memoryHigh: 'max', oomGroup: false })
    assert.is(leafFile(child, 'memory.high'), 'max')
    assert.is(leafFile(child, 'memory.oom.group'), '0')
  },
  { only, needs: [controller('memory'), controller('cpuset')] },
)

test(
  'setLimits changes the cpuset of a running program, all of its processes',
  async (t) => {
    const child = await spawnProbe(t, box({ cpuset: [1] }), ['spin-children', '1'])
    const allowed = () => {
      const pids = leafFile(child, 'cgroup.procs').split('\n')
      return pids.map((pid) => /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    }
    await sleep(100)
    assert.equal(new Set(allowed()), new Set(['1']))
    await child.setLimits({ cpuset: [0] })
    assert.equal(new Set(allowed()), new Set(['0']))
    await child.setLimits({ cpuset: 'max' })
    // The kernel takes no CPU list back from a group with processes: all that there are is the same.
    assert.equal(new Set(allowed()), new Set([readFileSync('/sys/fs/cgroup/cpuset.cpus.effective', 'utf8').trim()]))
  },
  { only, needs: controller('cpuset') },
)

test(
  'ioWeight divides a disk with the BFQ scheduler between two that compete for it',
  async (t) => {
    const compete = async (name: string, ioWeight: number) => {
      const directory = mkdtempSync(join(onBfq() ?? '', `${name}-`))
      t.cleanUp(() => rmSync(directory, { recursive: true }))
      chmodSync(directory, 0o755)
      writeFileSync(join(directory, 'file'), Buffer.alloc(8 * MIB))
      execFileSync('sync')
      const read = 'while :; do dd if=/work/file of=/dev/null bs=256k iflag=direct 2>/dev/null; done'
      const recipe = sandbox().bind(directory, '/work').priority({ ioWeight }).measure('io')
      return () => recipe.limits({ wallTime: '4s' }).run('sh', ['-c', `${read} & ${read}`])
    }
    const starts = [await compete('low', 100), await compete('high', 10_000)]
    const rivals = await Promise.all(starts.map((start) => start()))
    const [low = 0, high = 0] = rivals.map(({ usage }) => usage.readBytes)
    assert.ok(low > 0 && high / low > 2, `weights 100 and 10000 read ${low} and ${high} bytes`)
  },
  { only, needs: [controller('io'), command('dd'), bfqDisk] },
)

test.run()
