// Hosts for plans: facts as host-facts.ts would read them, without this machine.
import type { Hierarchy } from '../../src/cgroup/facts.js'
import type { HostFacts } from '../../src/host-facts.js'

export function hierarchy(part: Partial<Hierarchy> & Pick<Hierarchy, 'version' | 'base' | 'controllers'>): Hierarchy {
  return { blocked: [], files: [], cpus: '', mems: '', ...part }
}

const V1_FILES: Record<string, string[]> = {
  memory: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
}

/** v1 controllers, each mounted by itself, and a v2 hierarchy without any. */
export const HYBRID = {
  hierarchies: [
    hierarchy({ version: 2, base: '/sys/fs/cgroup/unified', controllers: [] }),
    ...['cpu', 'cpuacct', 'memory', 'pids', 'blkio', 'cpuset'].map((name) =>
      hierarchy({
        version: 1,
        base: `/sys/fs/cgroup/${name}`,
        controllers: [name],
        files: V1_FILES[name] ?? [],
        ...(name === 'cpuset' ? { cpus: '0-3', mems: '0' } : {}),
      }),
    ),
  ],
  problems: [],
}

/** One v2 hierarchy with everything. */
export const PURE_V2 = {
  hierarchies: [
    hierarchy({
      version: 2,
      base: '/sys/fs/cgroup',
      controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma'],
    }),
  ],
  problems: [],
}

/** A v2 group that holds this very process, so that nothing can be enabled below it. */
export const BLOCKED_V2 = {
  hierarchies: [
    hierarchy({ version: 2, base: '/sys/fs/cgroup/a.scope', controllers: [], blocked: ['cpu', 'memory', 'pids'] }),
  ],
  problems: [],
}

/** A hierarchy that this process may not write to. */
export const NO_CGROUPS = {
  hierarchies: [],
  problems: [
    {
      version: 2 as const,
      base: '/sys/fs/cgroup',
      controllers: ['cpu', 'memory', 'pids'],
      reason: 'No groups can be made in /sys/fs/cgroup: this user may not write to it.',
      readOnly: false,
    },
  ],
}

export function facts(part: Partial<HostFacts> = {}): HostFacts {
  const uid = part.privileged === false ? 1234 : 0
  return {
    privileged: true,
    uid,
    gid: uid,
    cores: 4,
    swapInUse: false,
    cgroups: HYBRID,
    machine: { architecture: 'x86_64', kernel: [6, 12] },
    seccomp: true,
    landlock: { abi: 7 },
    subordinateIds: { problem: 'newuidmap is not installed.' },
    systemPaths: [
      { path: '/usr', link: undefined },
      { path: '/bin', link: 'usr/bin' },
      { path: '/etc/ld.so.cache', link: undefined },
    ],
    ...part,
  }
}
