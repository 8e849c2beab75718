// Probes of limits, control and figures: a sandbox for each.

import { readdirSync, readFileSync } from 'node:fs'
import { hostFacts } from '../host-facts.js'
import type { SandboxProcess } from '../process.js'
import { type Sandbox, sandbox } from '../sandbox.js'
import type { SandboxStep } from '../steps.js'
import { askSandbox, bounded, type Finding, type Probe, refused, works } from './probe.js'

const LIMITING: readonly SandboxStep[] = ['cgroup', 'cgroup-limit', 'cgroup-join', 'clone', 'start']
const LIVE_TIMEOUT_MS = 8000
const V2 =
  'Mount cgroup2 and give this user a group in it; with systemd: `systemd-run --user --pipe --wait -p Delegate=yes -p DelegateSubgroup=main node app.js`.'

// Any will do: a limit on a device that nothing uses limits nothing.
function someDisk(): string | undefined {
  try {
    return readdirSync('/sys/block')
      .map((name) => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim())
      .find((device) => /^\d+:\d+$/.test(device))
  } catch {
    return undefined
  }
}

function askIo(): Promise<Finding> | Finding {
  const device = someDisk()
  if (device === undefined)
    return { works: undefined, detail: 'It could not be tried: no disk was found in /sys/block.' }
  return askSandbox(sandbox().limits({ io: { device, readBps: 2 ** 40 } }), LIMITING)
}

async function askV2(): Promise<Finding> {
  const v2 = hostFacts().cgroups.hierarchies.find(({ version }) => version === 2)
  if (!v2) {
    const problem = hostFacts().cgroups.problems[0]
    return { works: false, detail: problem?.reason ?? 'No cgroup v2 hierarchy is mounted for this process.' }
  }
  const finding = await askSandbox(sandbox(), LIMITING)
  if (!finding.works) return finding
  const has = v2.controllers.length > 0 ? `Its controllers: ${v2.controllers.join(', ')}` : 'It has no controllers'
  const blocked =
    v2.blocked.length > 0 ? `; not to be handed on, because this process is in it: ${v2.blocked.join(', ')}` : ''
  return works(`${has}${blocked}.`)
}

async function alive(recipe: Sandbox, use: (child: SandboxProcess) => Promise<Finding>): Promise<Finding> {
  let child: SandboxProcess | undefined
  try {
    const started = await bounded(recipe.spawn('cat'), LIVE_TIMEOUT_MS)
    child = started
    return await bounded(use(started), LIVE_TIMEOUT_MS)
  } catch (error) {
    return refused(error)
  } finally {
    await child?.[Symbol.asyncDispose]()
  }
}

async function askFigure(figure: 'memory' | 'pids', name: 'memoryPeakBytes' | 'pidsPeak'): Promise<Finding> {
  return alive(sandbox().measure(figure), async (child) => {
    const known = (await child.stats())[name] !== undefined
    return known ? works() : { works: false, detail: 'The cgroup has no file for it.' }
  })
}

const limit = (name: string, title: string, cost: string, recipe: () => Sandbox): Probe => ({
  name,
  group: 'cgroups',
  title,
  required: false,
  how: 'A sandbox was started with it.',
  cost,
  attempt: () => askSandbox(recipe(), LIMITING),
})

export const cgroupProbes: readonly Probe[] = [
  {
    name: 'cgroup.v2',
    group: 'cgroups',
    title: 'cgroup v2',
    required: false,
    how: 'A sandbox was started in a group of its own.',
    cost: "No freeze(), no share('pid'); limits only by v1 controllers.",
    remedy: V2,
    attempt: askV2,
  },
  limit('limits.memory', 'memory limit', 'No limits({ memory }).', () => sandbox().limits({ memory: '64MiB' })),
  limit('limits.swap', 'swap limit', 'No limits({ swap }) while the host uses swap.', () =>
    sandbox().limits({ memory: '64MiB', swap: '1MiB' }),
  ),
  limit('limits.pids', 'process limit', 'No limits({ pids }).', () => sandbox().limits({ pids: 16 })),
  limit('limits.cpu', 'CPU limit', 'No limits({ cpu }).', () => sandbox().limits({ cpu: 1 })),
  limit('limits.cpuset', 'CPU set', 'No limits({ cpuset }).', () => sandbox().limits({ cpuset: someCpus() })),
  limit('limits.cpuTime', 'CPU time limit', 'No limits({ cpuTime }).', () => sandbox().limits({ cpuTime: '5s' })),
  {
    ...limit('limits.io', 'I/O limit', 'No limits({ io }).', () => sandbox()),
    attempt: askIo,
  },
  limit('priority.cpuWeight', 'CPU weight', 'No priority({ cpuWeight }).', () => sandbox().priority({ cpuWeight: 50 })),
  limit('priority.ioWeight', 'I/O weight', 'No priority({ ioWeight }).', () => sandbox().priority({ ioWeight: 50 })),
  {
    name: 'freeze',
    group: 'cgroups',
    title: 'freeze and thaw',
    required: false,
    how: 'A sandbox was stopped and continued.',
    cost: 'No freeze() and thaw().',
    remedy: V2,
    async attempt() {
      const { remedy: _, ...finding } = await alive(sandbox(), async (child) => {
        await child.freeze()
        await child.thaw()
        return works()
      })
      return finding
    },
  },
  {
    ...limit('share.pid', "share('pid')", "No share('pid').", () => sandbox().share('pid')),
    attempt: () => askSandbox(sandbox().share('pid')),
  },
  {
    name: 'usage.memoryPeakBytes',
    group: 'cgroups',
    title: 'peak of memory',
    required: false,
    how: 'A sandbox was asked for it.',
    cost: 'usage.memoryPeakBytes is that of the largest process.',
    remedy: 'On cgroup v2 it takes the memory controller, and Linux 5.19.',
    attempt: () => askFigure('memory', 'memoryPeakBytes'),
  },
  {
    name: 'usage.pidsPeak',
    group: 'cgroups',
    title: 'peak of processes',
    required: false,
    how: 'A sandbox was asked for it.',
    cost: 'usage.pidsPeak is undefined.',
    remedy: 'It takes the pids controller, and Linux 6.1.',
    attempt: () => askFigure('pids', 'pidsPeak'),
  },
]

// The first CPU that this process may run on.
function someCpus(): number[] {
  const [, first] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return [Number(first ?? 0)]
}
