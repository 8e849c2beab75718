// Counts what sandboxes may leave behind, on the host and in this process.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Inventory } from './types.js'

/** Tear-down goes on after a result is there; the package keeps its own cgroup a moment for the next sandbox. */
const SETTLE_MS = 5000

export function takeInventory(): Inventory {
  return {
    cgroups: cgroups('/sys/fs/cgroup').length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    children: readdirSync('/proc/self/task').flatMap(childrenOf).length,
    descriptors: readdirSync('/proc/self/fd').length,
    temporaryFiles: readdirSync(tmpdir()).length,
  }
}

/** The names of the figures that have grown. */
export function grown(before: Inventory, after: Inventory): (keyof Inventory)[] {
  const names = Object.keys(before) as (keyof Inventory)[]
  return names.filter((name) => after[name] > before[name])
}

/** The inventory when nothing but `ignored` exceeds `reference` any more, or when that has not come true in time. */
export async function settledInventory(reference: Inventory, ignored?: keyof Inventory): Promise<Inventory> {
  const deadlineMs = performance.now() + SETTLE_MS
  for (;;) {
    const now = takeInventory()
    const left = grown(reference, now).filter((name) => name !== ignored)
    if (left.length === 0 || performance.now() > deadlineMs) return now
    await sleep(50)
  }
}

/** The package's groups of this process and of dead ones, in every hierarchy: a live owner's are its own business. */
function cgroups(directory: string, ours = false): string[] {
  return list(directory).flatMap((name) => {
    const path = `${directory}/${name}`
    const owner = /^cofferdam\.(\d+)\./.exec(name)?.[1]
    const counted = ours || (owner !== undefined && (Number(owner) === process.pid || !isAlive(owner)))
    return counted ? [path, ...cgroups(path, counted)] : cgroups(path)
  })
}

function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}`)
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return [] // it went away meanwhile
  }
}

function childrenOf(thread: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean)
  } catch {
    return []
  }
}
