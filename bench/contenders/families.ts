// Which contenders are measured together, in the same rounds of one process.
import { type Limits, sandbox } from 'cofferdam'
import { cgroup2Mount } from '../support/machine.js'
import type { Contender, Programs } from '../support/types.js'
import { bareFirstByte, bareIgnore, barePipe, floor, kernel } from './node.js'
import { peers } from './peers.js'
import { boxRun, boxSpawn, coldRun, coldSpawn, full, poolRun, poolSpawn, resettable } from './sandboxes.js'

export const COLD_RUN = 'cold: run()'
export const COLD_SPAWN_IGNORE = 'cold: spawn(), ignored'
export const COLD_SPAWN_PIPE = 'cold: spawn(), pipes'
export const BOX_RUN = 'open box: run()'
export const BOX_SPAWN_PIPE = 'open box: spawn(), pipes'
export const POOL_FRESH = 'warm pool: run(), a fresh box each'
export const POOL_REUSE = 'warm pool: run(), reuse: true'
export const POOL_SPAWN_PIPE = 'warm pool: spawn(), pipes'
export const UNLIMITED = 'cold: no limit'

/** From `<linux/sched.h>`. */
const CLONE = {
  mount: 0x00020000n,
  cgroup: 0x02000000n,
  uts: 0x04000000n,
  ipc: 0x08000000n,
  user: 0x10000000n,
  pid: 0x20000000n,
  net: 0x40000000n,
  time: 0x80n,
}
const ALL = Object.values(CLONE).reduce((all, flag) => all | flag)

/** As many commands as a box can run at once. */
export const CONCURRENCY_MAX = 64

export const MOUNTS = [0, 1, 10, 100, 1000]
export const mountsName = (count: number) => `cold: run(), ${count} binds`

const LIMITS: Readonly<Record<string, Limits>> = {
  'pids: 16': { pids: 16 },
  "memory: '64MiB'": { memory: '64MiB' },
  'cpu: 1': { cpu: 1 },
  "cpuTime: '1s'": { cpuTime: '1s' },
  'memory and pids': { memory: '64MiB', pids: 16 },
  'memory, pids, cpu and cpuTime': { memory: '64MiB', pids: 16, cpu: 1, cpuTime: '1s' },
}
const limited = (limits: Limits) => (programs: Programs) => full(programs).limits(limits)

/** Each wall on top of those before it. */
const WALLS: readonly Contender[] = (() => {
  const bare = sandbox().share('user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time').seccomp('off')
  const own = (...names: Parameters<typeof bare.namespaces>) =>
    sandbox()
      .namespaces(...names)
      .seccomp('off')
  const onHost = (programs: Programs) => programs.true
  return [
    coldRun('init, cgroup v2 leaf, no new namespace', () => bare, onHost),
    coldRun('+ pid namespace', () => own('pid'), onHost),
    coldRun('+ mount namespace: root, /proc, /dev, /tmp', ({ rootfs }) =>
      own('pid', 'mount').rootfs(rootfs, { mode: 'readonly' }),
    ),
    coldRun('+ user namespace, id maps, idmapped layers', ({ rootfs }) =>
      own('pid', 'mount', 'user').rootfs(rootfs, { mode: 'readonly' }),
    ),
    coldRun('+ uts, ipc, cgroup, time namespaces', ({ rootfs }) =>
      sandbox().share('net').seccomp('off').rootfs(rootfs, { mode: 'readonly' }),
    ),
    coldRun('+ net namespace', ({ rootfs }) => sandbox().seccomp('off').rootfs(rootfs, { mode: 'readonly' })),
    coldRun('+ overlay on a tmpfs', ({ rootfs }) => sandbox().seccomp('off').rootfs(rootfs)),
    coldRun('+ seccomp: the full sandbox', ({ rootfs }) => sandbox().rootfs(rootfs)),
    coldRun('+ limits: memory and pids', ({ rootfs }) =>
      sandbox().rootfs(rootfs).limits({ memory: '64MiB', pids: 16 }),
    ),
  ]
})()

export const FAMILIES: Readonly<Record<string, (programs: Programs) => readonly Contender[]>> = {
  latency: () => [
    floor,
    bareIgnore,
    barePipe,
    coldSpawn(COLD_SPAWN_IGNORE, full, 'ignore'),
    coldSpawn(COLD_SPAWN_PIPE, full, 'pipe'),
    coldRun(COLD_RUN, full),
    boxSpawn(BOX_SPAWN_PIPE, full, 'pipe'),
    boxRun(BOX_RUN, full),
    poolRun(POOL_FRESH, full, false),
    poolRun(POOL_REUSE, resettable, true),
  ],
  'first-byte': () => [
    bareFirstByte,
    coldSpawn(COLD_SPAWN_PIPE, full, 'pipe', '/hello'),
    boxSpawn(BOX_SPAWN_PIPE, full, 'pipe', '/hello'),
    poolSpawn(POOL_SPAWN_PIPE, full, '/hello'),
  ],
  walls: () => [barePipe, ...WALLS],
  kernel: () => [
    floor,
    ...Object.entries(CLONE).map(([name, flag]) => kernel(`+ ${name} namespace`, flag)),
    kernel('+ all eight namespaces', ALL),
    kernel('+ cgroup v2: mkdir, CLONE_INTO_CGROUP, rmdir', 0n, cgroup2Mount() ?? '/sys/fs/cgroup'),
  ],
  heap: () => [floor, barePipe, coldRun(COLD_RUN, full), boxRun(BOX_RUN, full)],
  stall: () => [bareIgnore, barePipe, coldSpawn(COLD_SPAWN_IGNORE, full, 'ignore'), coldRun(COLD_RUN, full)],
  throughput: () => [
    barePipe,
    coldRun(COLD_RUN, full),
    boxRun(BOX_RUN, full),
    poolRun(POOL_REUSE, resettable, true, CONCURRENCY_MAX),
  ],
  mounts: () => [barePipe, ...MOUNTS.map((count) => coldRun(mountsName(count), withBinds(count)))],
  limits: () => [
    barePipe,
    coldRun(UNLIMITED, full),
    ...Object.entries(LIMITS).map(([name, limits]) => coldRun(`cold: ${name}`, limited(limits))),
    boxRun('open box: no limit', full),
    boxRun('open box: memory and pids', limited({ memory: '64MiB', pids: 16 })),
    poolRun('warm pool: no limit', full, false),
    poolRun('warm pool: memory and pids', limited({ memory: '64MiB', pids: 16 }), false),
  ],
  peers: () => [floor, barePipe, coldRun(COLD_RUN, full), poolRun(POOL_FRESH, full, false), ...peers()],
  crun: () => [barePipe, ...peers('crun')],
}

function withBinds(count: number) {
  return (programs: Programs) => {
    let recipe = full(programs)
    for (let i = 0; i < count; i++) recipe = recipe.bind(programs.hello, `/bind/${i}`)
    return recipe
  }
}
