// What a recipe asks of cgroup controllers, one request per option: the mapping from limits to files, v1 and v2.

import { finite, type IoLimitRecipe, type LimitsRecipe, type PriorityRecipe } from '../recipe.js'
import type { Figure } from '../types.js'
import type { Hierarchy } from './facts.js'

/** A file of the leaf and its value; `optional` where a kernel without the file does no harm. */
export interface FileValue {
  readonly file: string
  readonly value: string
  readonly optional?: boolean
}

/** One option that a controller has to enforce or to count. */
export interface CgroupRequest {
  readonly feature: string
  /** The v2 name; v1 calls `io` `blkio`. */
  readonly controller: 'cpu' | 'cpuset' | 'memory' | 'pids' | 'io'
  /** The files to write, or why this hierarchy cannot do it. */
  files(hierarchy: Hierarchy, swapInUse: boolean): readonly FileValue[] | string
}

const CPU_PERIOD_US = 100_000
const UNLIMITED = { 1: '-1', 2: 'max' } as const

type Amount = number | 'max'

function amount(value: Amount, version: 1 | 2): string {
  return value === 'max' ? UNLIMITED[version] : String(value)
}

function memoryFiles(memory: Amount | undefined, swap: Amount | undefined): CgroupRequest['files'] {
  // Swap is 0 unless the recipe says otherwise: with a memory limit, swapping would only move the excess elsewhere.
  const allowed = swap ?? (finite(memory) === undefined ? 'max' : 0)
  return (hierarchy, swapInUse) => {
    if (hierarchy.version === 2) {
      const files: FileValue[] = memory === undefined ? [] : [{ file: 'memory.max', value: amount(memory, 2) }]
      // Without CONFIG_SWAP or with swapaccount=0 there is no such file; without swap that does no harm.
      if (swap !== undefined || allowed === 0) {
        files.push({ file: 'memory.swap.max', value: amount(allowed, 2), optional: !swapInUse })
      }
      return files
    }
    const bytes = finite(memory)
    if (bytes === undefined && finite(swap) !== undefined)
      return 'cgroup v1 limits swap only together with limits.memory.'
    // The kernel refuses memsw below limit, so limit comes first when a fresh group is narrowed.
    const files: FileValue[] = [{ file: 'memory.limit_in_bytes', value: amount(memory ?? 'max', 1) }]
    const both = bytes === undefined || allowed === 'max' ? -1 : bytes + allowed
    if (hierarchy.files.includes('memory.memsw.limit_in_bytes'))
      files.push({ file: 'memory.memsw.limit_in_bytes', value: String(both) })
    else if (swapInUse && both !== -1) return 'the kernel does not count swap (boot it with swapaccount=1).'
    return files
  }
}

/** A file that only v2 has; `what` completes "cgroup v1 has no". */
function v2Only(file: string, value: string, what: string): CgroupRequest['files'] {
  return ({ version }) => (version === 2 ? [{ file, value }] : `cgroup v1 has no ${what}.`)
}

function cpuFiles(cpu: Amount): CgroupRequest['files'] {
  const quota = cpu === 'max' ? 'max' : Math.max(1000, Math.round(cpu * CPU_PERIOD_US))
  return ({ version }) =>
    version === 2
      ? [{ file: 'cpu.max', value: `${quota} ${CPU_PERIOD_US}` }]
      : [
          { file: 'cpu.cfs_period_us', value: String(CPU_PERIOD_US) },
          { file: 'cpu.cfs_quota_us', value: amount(quota, 1) },
        ]
}

function cpuWeightFiles(weight: number): CgroupRequest['files'] {
  return ({ version }) =>
    version === 2
      ? [{ file: 'cpu.weight', value: String(weight) }]
      : [{ file: 'cpu.shares', value: String(Math.max(2, Math.round((weight * 1024) / 100))) }]
}

// BFQ has a scale of its own, 1 to 1000 with the same 100 in the middle: each half is stretched by itself.
function bfqWeight(weight: number): number {
  return weight <= 100 ? weight : Math.round(100 + ((weight - 100) * 900) / 9900)
}

function ioWeightFiles(weight: number): CgroupRequest['files'] {
  return ({ version, files }) => {
    // Two schedulers know weights: io.weight is iocost's, and a disk with BFQ goes by BFQ's own file alone. That one is
    // there once the module is loaded; without it there is no such disk. The root group shows neither.
    if (version === 2) {
      const onlyBfq = files.includes('io.bfq.weight') && !files.includes('io.weight')
      return [
        { file: 'io.weight', value: `default ${weight}`, optional: onlyBfq },
        { file: 'io.bfq.weight', value: `default ${bfqWeight(weight)}`, optional: true },
      ]
    }
    const file = ['blkio.bfq.weight', 'blkio.weight'].find((name) => files.includes(name))
    if (file === undefined) return 'the kernel has no proportional disk scheduler for cgroup v1.'
    // v1 weights go from 1 (bfq) or 10 to 1000.
    return [{ file, value: String(Math.min(1000, Math.max(10, weight))) }]
  }
}

/** CPU numbers as the kernel reads them: `0-3,8`. */
export function formatCpus(cpus: readonly number[]): string {
  const ranges: string[] = []
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i] as number
    while (cpus[i + 1] === (cpus[i] as number) + 1) i++
    ranges.push(first === cpus[i] ? String(first) : `${first}-${cpus[i]}`)
  }
  return ranges.join(',')
}

function cpusetFiles(cpus: readonly number[] | 'max'): CgroupRequest['files'] {
  return ({ version, mems, cpus: all }) => {
    if (version === 2) return [{ file: 'cpuset.cpus', value: cpus === 'max' ? all : formatCpus(cpus) }]
    // A v1 cpuset without memory nodes accepts no process.
    return [
      { file: 'cpuset.mems', value: mems },
      { file: 'cpuset.cpus', value: cpus === 'max' ? all : formatCpus(cpus) },
    ]
  }
}

const V1_THROTTLES = {
  readBps: 'blkio.throttle.read_bps_device',
  writeBps: 'blkio.throttle.write_bps_device',
  readIops: 'blkio.throttle.read_iops_device',
  writeIops: 'blkio.throttle.write_iops_device',
} as const
const V2_THROTTLES = { readBps: 'rbps', writeBps: 'wbps', readIops: 'riops', writeIops: 'wiops' } as const
const THROTTLES = ['readBps', 'writeBps', 'readIops', 'writeIops'] as const

function ioFiles(limits: readonly IoLimitRecipe[]): CgroupRequest['files'] {
  return ({ version }) =>
    limits.flatMap((limit): FileValue[] => {
      const set = THROTTLES.filter((key) => limit[key] !== undefined)
      if (version === 1) return set.map((key) => ({ file: V1_THROTTLES[key], value: `${limit.device} ${limit[key]}` }))
      return [
        {
          file: 'io.max',
          value: `${limit.device} ${set.map((key) => `${V2_THROTTLES[key]}=${limit[key]}`).join(' ')}`,
        },
      ]
    })
}

function request(
  feature: string,
  controller: CgroupRequest['controller'],
  files: CgroupRequest['files'],
): CgroupRequest {
  return { feature, controller, files }
}

/** Requests of limits and priorities; with `live`, also those that take a limit back. */
export function cgroupRequests(limits: LimitsRecipe, priority: PriorityRecipe, live = false): CgroupRequest[] {
  const asked = <T>(value: T | 'max' | undefined): value is T => value !== undefined && (live || value !== 'max')
  const found: CgroupRequest[] = []
  const { memoryBytes, memoryHighBytes, oomGroup, swapBytes, pids, cpu, cpuset, io } = limits
  if (asked<Amount>(memoryBytes) || asked<Amount>(swapBytes)) {
    const feature = asked<Amount>(memoryBytes) ? 'limits.memory' : 'limits.swap'
    found.push(request(feature, 'memory', memoryFiles(memoryBytes, swapBytes)))
  }
  if (asked<Amount>(memoryHighBytes)) {
    const files = v2Only('memory.high', amount(memoryHighBytes, 2), 'limit that only slows down')
    found.push(request('limits.memoryHigh', 'memory', files))
  }
  if (oomGroup !== undefined && (live || oomGroup)) {
    const files = v2Only('memory.oom.group', oomGroup ? '1' : '0', 'killing of a whole group')
    found.push(request('limits.oomGroup', 'memory', files))
  }
  if (asked<Amount>(pids)) {
    found.push(
      request('limits.pids', 'pids', ({ version }) => [
        { file: 'pids.max', value: version === 1 ? String(pids) : amount(pids, 2) },
      ]),
    )
  }
  if (asked<Amount>(cpu)) found.push(request('limits.cpu', 'cpu', cpuFiles(cpu)))
  if (asked<readonly number[] | 'max'>(cpuset)) found.push(request('limits.cpuset', 'cpuset', cpusetFiles(cpuset)))
  if (io !== undefined && io.length > 0) found.push(request('limits.io', 'io', ioFiles(io)))
  const { cpuWeight, ioWeight } = priority
  if (cpuWeight !== undefined) found.push(request('priority.cpuWeight', 'cpu', cpuWeightFiles(cpuWeight)))
  if (ioWeight !== undefined) found.push(request('priority.ioWeight', 'io', ioWeightFiles(ioWeight)))
  return found
}

/** Requests of `measure()`: join, write nothing. */
export function figureRequests(figures: readonly Figure[]): CgroupRequest[] {
  return figures.map((figure) => request(`measure.${figure}`, figure, () => []))
}
