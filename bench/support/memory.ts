// What processes and the kernel use, and a Node process made as large as a scenario wants it, in pages of 4 KiB.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Heap } from './types.js'

const BLOCK = 256 * 1024
const PAGE = 4096
const held: Buffer[] = []

/**
 * Blocks smaller than a huge page, every page of them written to. Where transparent huge pages are `always` the kernel
 * may unite them all the same, and fork becomes cheap: `hugePagesMib` tells.
 */
export function growHeap(bytes: number): Heap {
  for (let size = 0; size < bytes; size += BLOCK) {
    const block = Buffer.allocUnsafeSlow(BLOCK)
    for (let offset = 0; offset < BLOCK; offset += PAGE) block[offset] = 1
    held.push(block)
  }
  const memory = memoryOf('self')
  return { rssMib: Math.round(memory.Rss / 1024), hugePagesMib: Math.round(memory.AnonHugePages / 1024) }
}

export type Memory = Record<'Rss' | 'Pss' | 'Private_Clean' | 'Private_Dirty' | 'AnonHugePages', number>

/** A process's smaps_rollup (proc_pid_smaps(5)), in KiB. */
export function memoryOf(pid: number | 'self'): Memory {
  return Object.fromEntries(fields(`/proc/${pid}/smaps_rollup`)) as Memory
}

/** What the kernel uses for itself, in KiB: most of what a namespace or a mount costs is there. */
export function kernelMemoryKib(): number {
  const memory = new Map(fields('/proc/meminfo'))
  return ['Slab', 'KernelStack', 'PageTables', 'Percpu'].reduce((sum, name) => sum + (memory.get(name) ?? 0), 0)
}

/** The Node process's memory when garbage is collected and the sandboxes have come to rest. */
export async function settledNodeKib(): Promise<number> {
  await sleep(300)
  globalThis.gc?.()
  await sleep(100)
  return memoryOf('self').Rss
}

/** Field 4 of /proc/pid/stat; the command's parent is the sandbox's init. */
export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** What can still be had without swapping, in bytes (proc_meminfo(5)). */
export function availableBytes(): number {
  return (new Map(fields('/proc/meminfo')).get('MemAvailable') ?? 0) * 1024
}

function fields(path: string): [string, number][] {
  const lines = readFileSync(path, 'utf8').matchAll(/^(\w+):\s+(\d+) kB$/gm)
  return Array.from(lines, ([, name = '', kib]) => [name, Number(kib)])
}
