// From limits to cgroup files: which hierarchies are joined, what is written and read there, v1 and v2.
import * as assert from 'uvu/assert'
import type { CgroupFacts } from '../../src/cgroup/facts.js'
import { planCgroups } from '../../src/cgroup/plan.js'
import { cgroupRequests, formatCpus } from '../../src/cgroup/requests.js'
import { DEFAULT_RECIPE, type LimitsRecipe, type Recipe } from '../../src/recipe.js'
import { suite } from '../support/suite.js'
import { BLOCKED_V2, HYBRID, hierarchy, NO_CGROUPS, PURE_V2 } from './facts.js'

const test = suite('cgroup plan')

const plan = (recipe: Partial<Recipe>, facts: CgroupFacts, swapInUse = false) =>
  planCgroups({ ...DEFAULT_RECIPE, ...recipe }, facts, swapInUse)

/** `directory/file=value` of every write, in order. */
function writes(recipe: Partial<Recipe>, facts: CgroupFacts, swapInUse = false): string[] {
  const { cgroups, unsupported } = plan(recipe, facts, swapInUse)
  assert.equal(unsupported, [])
  return cgroups.flatMap(({ base, limits }) =>
    limits.map(({ file, value, optional }) => `${base.split('/').at(-1)}/${file}=${value}${optional ? '?' : ''}`),
  )
}

const refused = (recipe: Partial<Recipe>, facts: CgroupFacts, swapInUse = false) =>
  plan(recipe, facts, swapInUse).unsupported.map(({ feature }) => feature)

const io: LimitsRecipe['io'] = [
  { device: '8:0', readBps: 1000, writeIops: 5 },
  { device: '8:16', writeBps: 7 },
]

const MAPPINGS: [what: string, recipe: Partial<Recipe>, v2: string[], v1: string[]][] = [
  [
    'memory, and no swap with it',
    { limits: { memoryBytes: 65536 } },
    ['cgroup/memory.max=65536', 'cgroup/memory.swap.max=0?'],
    ['memory/memory.limit_in_bytes=65536', 'memory/memory.memsw.limit_in_bytes=65536'],
  ],
  [
    'memory with some swap',
    { limits: { memoryBytes: 65536, swapBytes: 4096 } },
    ['cgroup/memory.max=65536', 'cgroup/memory.swap.max=4096?'],
    ['memory/memory.limit_in_bytes=65536', 'memory/memory.memsw.limit_in_bytes=69632'],
  ],
  [
    'memory with unlimited swap',
    { limits: { memoryBytes: 65536, swapBytes: 'max' } },
    ['cgroup/memory.max=65536', 'cgroup/memory.swap.max=max?'],
    ['memory/memory.limit_in_bytes=65536', 'memory/memory.memsw.limit_in_bytes=-1'],
  ],
  ['pids', { limits: { pids: 16 } }, ['cgroup/pids.max=16'], ['pids/pids.max=16']],
  [
    'half a core',
    { limits: { cpu: 0.5 } },
    ['cgroup/cpu.max=50000 100000'],
    ['cpu/cpu.cfs_period_us=100000', 'cpu/cpu.cfs_quota_us=50000'],
  ],
  ['cpuWeight', { priority: { cpuWeight: 50 } }, ['cgroup/cpu.weight=50'], ['cpu/cpu.shares=512']],
  [
    'cpuset',
    { limits: { cpuset: [0, 1, 3] } },
    ['cgroup/cpuset.cpus=0-1,3'],
    ['cpuset/cpuset.mems=0', 'cpuset/cpuset.cpus=0-1,3'],
  ],
  [
    'io',
    { limits: { io } },
    ['cgroup/io.max=8:0 rbps=1000 wiops=5', 'cgroup/io.max=8:16 wbps=7'],
    [
      'blkio/blkio.throttle.read_bps_device=8:0 1000',
      'blkio/blkio.throttle.write_iops_device=8:0 5',
      'blkio/blkio.throttle.write_bps_device=8:16 7',
    ],
  ],
  ['nothing unlimited', { limits: { memoryBytes: 'max', pids: 'max', cpu: 'max', cpuset: 'max' } }, [], []],
]

for (const [what, recipe, v2, v1] of MAPPINGS) {
  test(`${what}, on v2`, () => assert.equal(writes(recipe, PURE_V2), v2))
  test(`${what}, on v1`, () => assert.equal(writes(recipe, HYBRID), v1))
}

test('swap that is in use has to be limited, and swap that is not need not', () => {
  const limits = { memoryBytes: 65536 }
  assert.equal(writes({ limits }, PURE_V2, true), ['cgroup/memory.max=65536', 'cgroup/memory.swap.max=0'])
  const noMemsw = { hierarchies: [hierarchy({ version: 1, base: '/m', controllers: ['memory'] })], problems: [] }
  assert.equal(writes({ limits }, noMemsw), ['m/memory.limit_in_bytes=65536'])
  assert.equal(refused({ limits }, noMemsw, true), ['limits.memory'])
})

test('a v2 leaf is always joined, and a v1 controller only where the recipe needs it', () => {
  const bases = (recipe: Partial<Recipe>) => plan(recipe, HYBRID).cgroups.map(({ base }) => base)
  assert.equal(bases({}), ['/sys/fs/cgroup/unified'])
  assert.equal(bases({ limits: { pids: 5 } }), ['/sys/fs/cgroup/unified', '/sys/fs/cgroup/pids'])
  assert.equal(bases({ measure: ['memory', 'io'] }), [
    '/sys/fs/cgroup/unified',
    '/sys/fs/cgroup/memory',
    '/sys/fs/cgroup/blkio',
  ])
  assert.equal(bases({ limits: { wallTimeMs: 5, cpuTimeMs: 5, outputBytes: 5 } }), ['/sys/fs/cgroup/unified'])
})

test('on v2 the controllers that cost little are on, cpuset only when asked, and nothing else ever', () => {
  const enable = (recipe: Partial<Recipe>) => plan(recipe, PURE_V2).cgroups[0]?.enable
  assert.is(enable({}), '+cpu +memory +pids +io')
  assert.is(enable({ limits: { cpuset: [0] } }), '+cpu +memory +pids +io +cpuset')
  assert.is(plan({}, HYBRID).cgroups[0]?.enable, '')
})

test('every joined controller’s figures are read, those that a kernel may lack as optional', () => {
  const stats = (recipe: Partial<Recipe>, facts: CgroupFacts) =>
    plan(recipe, facts).cgroups.flatMap((one) => one.stats.map(({ file, optional }) => file + (optional ? '?' : '')))
  assert.equal(stats({}, PURE_V2), [
    'cpu.stat',
    'memory.peak?',
    'memory.events',
    'pids.peak?',
    'pids.events',
    'io.stat?',
  ])
  assert.equal(stats({}, HYBRID), ['cpu.stat'])
  assert.equal(stats({ limits: { memoryBytes: 65536 } }, HYBRID), [
    'cpu.stat',
    'memory.max_usage_in_bytes',
    'memory.oom_control',
  ])
})

test('the CPU clock is the v2 leaf’s, else cpuacct’s, else not to be had', () => {
  const limits = { cpuTimeMs: 100 }
  assert.is(plan({ limits }, HYBRID).cgroups[0]?.cpuClock, 'cpu.stat')
  assert.is(plan({ limits }, BLOCKED_V2).cgroups[0]?.cpuClock, 'cpu.stat')
  const v1 = { ...HYBRID, hierarchies: HYBRID.hierarchies.slice(1) }
  assert.equal(
    plan({ limits }, v1).cgroups.map(({ base, cpuClock }) => [base, cpuClock]),
    [['/sys/fs/cgroup/cpuacct', 'cpuacct.usage']],
  )
  assert.equal(refused({ limits }, NO_CGROUPS), ['limits.cpuTime'])
  assert.is(plan({}, HYBRID).cgroups[0]?.cpuClock, undefined)
})

test('co-mounted controllers are joined once', () => {
  const both = hierarchy({ version: 1, base: '/cpu', controllers: ['cpu', 'cpuacct'] })
  const { cgroups } = plan({ limits: { cpu: 1, cpuTimeMs: 5 } }, { hierarchies: [both], problems: [] })
  assert.is(cgroups.length, 1)
  assert.is(cgroups[0]?.cpuClock, 'cpuacct.usage')
  assert.is(cgroups[0]?.limits.length, 2)
})

test('a v1 cpuset group is given its parent’s cpus and nodes before anything joins it', () => {
  const group = plan({ limits: { cpuset: [1] } }, HYBRID).cgroups.at(-1)?.groupWrites
  assert.equal(
    group?.map(({ file, value }) => `${file}=${value}`),
    ['cpuset.cpus=0-3', 'cpuset.mems=0'],
  )
})

test('a limit that cannot be enforced is named, with the reason and what to do; one that needs nothing goes through', () => {
  const limits = { memoryBytes: 65536, pids: 5, wallTimeMs: 5, openFiles: 5 }
  assert.equal(refused({ limits }, NO_CGROUPS), ['limits.memory', 'limits.pids'])
  assert.equal(refused({ limits: { wallTimeMs: 5 } }, NO_CGROUPS), [])
  const [memory] = plan({ limits }, BLOCKED_V2).unsupported
  assert.match(memory?.reason ?? '', /this process is in that group itself/)
  assert.match(memory?.hint ?? '', /Delegate=yes/)
  assert.match(plan({ limits }, NO_CGROUPS).unsupported[0]?.reason ?? '', /No groups can be made in \/sys\/fs\/cgroup/)
  assert.equal(refused({ measure: ['io'] }, BLOCKED_V2), ['measure.io'])
})

test('what v1 has no file for is refused', () => {
  assert.equal(refused({ priority: { ioWeight: 50 } }, HYBRID), ['priority.ioWeight'])
  assert.equal(refused({ limits: { swapBytes: 0 } }, HYBRID), ['limits.swap'])
  const files = ['blkio.bfq.weight']
  const bfq = { hierarchies: [hierarchy({ version: 1, base: '/b', controllers: ['blkio'], files })], problems: [] }
  assert.equal(writes({ priority: { ioWeight: 5000 } }, bfq), ['b/blkio.bfq.weight=1000'])
})

test('what v2 alone has is written there, and refused on v1', () => {
  const limits = { memoryHighBytes: 65536, oomGroup: true }
  assert.equal(writes({ limits }, PURE_V2), ['cgroup/memory.high=65536', 'cgroup/memory.oom.group=1'])
  assert.equal(refused({ limits }, HYBRID), ['limits.memoryHigh', 'limits.oomGroup'])
  assert.equal(refused({ limits: { memoryHighBytes: 'max', oomGroup: false } }, HYBRID), [])
})

test('ioWeight is for both schedulers of v2, each on its own scale', () => {
  const both = (ioWeight: number) => writes({ priority: { ioWeight } }, PURE_V2)
  for (const [weight, bfq] of [
    [1, 1],
    [100, 100],
    [200, 109],
    [10000, 1000],
  ] as const)
    assert.equal(both(weight), [`cgroup/io.weight=default ${weight}`, `cgroup/io.bfq.weight=default ${bfq}?`])
  const files = ['io.bfq.weight']
  const only = { hierarchies: [hierarchy({ version: 2, base: '/b', controllers: ['io'], files })], problems: [] }
  assert.equal(writes({ priority: { ioWeight: 100 } }, only), [
    'b/io.weight=default 100?',
    'b/io.bfq.weight=default 100?',
  ])
})

test('a live sandbox can have its limits taken back', () => {
  const [v2] = PURE_V2.hierarchies
  const files = (limits: LimitsRecipe) =>
    cgroupRequests(limits, {}, true).map((request) => v2 && request.files(v2, false))
  assert.equal(files({ memoryBytes: 'max' }), [[{ file: 'memory.max', value: 'max' }]])
  assert.equal(files({ pids: 'max' }), [[{ file: 'pids.max', value: 'max' }]])
  assert.equal(files({ cpu: 'max' }), [[{ file: 'cpu.max', value: 'max 100000' }]])
  assert.equal(files({ memoryHighBytes: 'max', oomGroup: false }), [
    [{ file: 'memory.high', value: 'max' }],
    [{ file: 'memory.oom.group', value: '0' }],
  ])
  // An empty list is refused (ENOSPC) while processes are in the group.
  const withCpus = hierarchy({ version: 2, base: '/', controllers: ['cpuset'], cpus: '0-3' })
  const [cpuset] = cgroupRequests({ cpuset: 'max' }, {}, true)
  assert.equal(cpuset?.files(withCpus, false), [{ file: 'cpuset.cpus', value: '0-3' }])
})

test('CPU numbers are written as ranges', () => {
  assert.equal([[0], [0, 1], [0, 2], [0, 1, 2, 5, 7, 8]].map(formatCpus), ['0', '0-1', '0,2', '0-2,5,7-8'])
})

test.run()
