// What the cgroup hierarchies of this host allow this process: the thin reader around detect.ts.

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type MountedHierarchy, parseHierarchies } from './detect.js'

/** A hierarchy that groups can be made in. */
export interface Hierarchy {
  readonly version: 1 | 2
  readonly base: string
  /** v1: of the mount. v2: that groups below `base` have or can be given. */
  readonly controllers: readonly string[]
  /** v2: that `base` has, but cannot hand on because processes are in it. */
  readonly blocked: readonly string[]
  /** Names of the files in `base`. */
  readonly files: readonly string[]
  /**
   * The CPUs and, on v1, memory nodes of `base`: a new v1 group needs them before processes can join, and a group with
   * processes cannot have its own list taken back, only replaced by all that there are. Empty without cpuset.
   */
  readonly cpus: string
  readonly mems: string
}

/** A hierarchy in which this process can make no groups. */
export interface CgroupProblem {
  readonly version: 1 | 2
  readonly base: string
  /** The controllers that it has. */
  readonly controllers: readonly string[]
  /** A sentence. */
  readonly reason: string
  readonly readOnly: boolean
}

/** All hierarchies that can be used, and those that cannot. */
export interface CgroupFacts {
  readonly hierarchies: readonly Hierarchy[]
  readonly problems: readonly CgroupProblem[]
}

/** The facts of a host without cgroups. */
export const NO_CGROUPS: CgroupFacts = Object.freeze({ hierarchies: Object.freeze([]), problems: Object.freeze([]) })

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  return read(path).split(/\s+/).filter(Boolean)
}

/** The errno's name for which nothing can be made in a group; `undefined` when something can. */
function refusalToWrite(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK)
    accessSync(`${directory}/cgroup.procs`, constants.W_OK)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EACCES'
  }
}

function writable(directory: string): boolean {
  return refusalToWrite(directory) === undefined
}

function describeProblem({ version, base, controllers }: MountedHierarchy): CgroupProblem {
  const code = refusalToWrite(base)
  const why =
    code === 'EROFS'
      ? 'it is mounted read-only'
      : code === 'EACCES' || code === 'EPERM'
        ? 'this user may not write to it'
        : `it cannot be used (${code ?? 'it cannot be read'})`
  return {
    version,
    base,
    controllers: version === 2 ? list(`${base}/cgroup.controllers`) : controllers,
    reason: `No groups can be made in ${base}: ${why}.`,
    readOnly: code === 'EROFS',
  }
}

// A group whose own limits are all unset: working beside it, below its parent, escapes nothing.
function unlimited(group: string): boolean {
  const unset = (file: string) => /^(|max|max \d+)$/.test(read(`${group}/${file}`))
  return ['memory.max', 'memory.high', 'memory.swap.max', 'pids.max', 'cpu.max', 'io.max', 'cpuset.cpus'].every(unset)
}

// "No internal processes": a group with processes cannot hand controllers on. The remedy that systemd
// (DelegateSubgroup=) and container managers use is to put the processes in a leaf and to work in its parent. Where
// this process sits in such a leaf, the parent is the delegated group. A systemd unit itself is never stepped out of.
function delegatedParent(own: string): string | undefined {
  if (/\.(scope|service|slice)$/.test(own)) return undefined
  const parent = dirname(own)
  if (!writable(parent) || read(`${parent}/cgroup.procs`) !== '' || !unlimited(own)) return undefined
  return parent
}

function describeV2(base: string, populated: boolean): Hierarchy {
  const files = readdirSync(base)
  const available = list(`${base}/cgroup.controllers`)
  const enabled = list(`${base}/cgroup.subtree_control`)
  // Only the real root has no cgroup.type; it may have both processes and controllers for its children.
  const free = !populated || !files.includes('cgroup.type')
  return {
    version: 2,
    base,
    controllers: free ? available : enabled,
    blocked: free ? [] : available.filter((name) => !enabled.includes(name)),
    files,
    cpus: read(`${base}/cpuset.cpus.effective`),
    mems: '',
  }
}

// A fresh leaf has no controllers at all until its parent hands them on, which nobody but us may be going to do: so what
// decides is not what the leaf lacks for us, but what its parent can give.
function readV2(mounted: MountedHierarchy): Hierarchy | undefined {
  const own = writable(mounted.base) ? describeV2(mounted.base, true) : undefined
  const parentPath = delegatedParent(mounted.base)
  const parent = parentPath === undefined ? undefined : describeV2(parentPath, false)
  const gains = parent?.controllers.some((name) => !own?.controllers.includes(name))
  return own && !gains ? own : parent
}

function readV1(mounted: MountedHierarchy): Hierarchy | undefined {
  if (!writable(mounted.base)) return undefined
  const cpuset = mounted.controllers.includes('cpuset')
  return {
    version: 1,
    base: mounted.base,
    controllers: mounted.controllers,
    blocked: [],
    files: readdirSync(mounted.base),
    cpus: cpuset ? read(`${mounted.base}/cpuset.cpus`) : '',
    mems: cpuset ? read(`${mounted.base}/cpuset.mems`) : '',
  }
}

/** Reads the facts; never throws, a host without cgroups has none. */
export function readCgroupFacts(): CgroupFacts {
  const hierarchies: Hierarchy[] = []
  const problems: CgroupProblem[] = []
  for (const mounted of parseHierarchies(read('/proc/self/cgroup'), read('/proc/self/mountinfo'))) {
    let hierarchy: Hierarchy | undefined
    try {
      hierarchy = mounted.version === 2 ? readV2(mounted) : readV1(mounted)
    } catch {
      hierarchy = undefined
    }
    if (hierarchy) hierarchies.push(hierarchy)
    else problems.push(describeProblem(mounted))
  }
  return { hierarchies, problems }
}
