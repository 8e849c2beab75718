// Makes the Node process as large as a scenario wants it, in pages of 4 KiB.
import { readFileSync } from 'node:fs'
import type { Heap } from './tasks.js'

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

function fields(path: string): [string, number][] {
  const lines = readFileSync(path, 'utf8').matchAll(/^(\w+):\s+(\d+) kB$/gm)
  return Array.from(lines, ([, name = '', kib]) => [name, Number(kib)])
}
