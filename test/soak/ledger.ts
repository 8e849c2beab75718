// What a process and its host hold on behalf of sandboxes: counted before and after, nothing may have grown.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Snapshot, snapshot } from '../support/leaks.js'

const MIB = 2 ** 20
/** The allocators' own play: what they keep differs from one moment to the next by this much, in either direction. */
const PLAY: Readonly<Record<string, number>> = {
  'resident memory, MiB': 24,
  'JavaScript heap, MiB': 6,
  'memory outside of it, MiB': 6,
}

/** Figures by name; all but the memory are counts. */
export type Ledger = Readonly<Record<string, number>>

function count(snap: Snapshot, kind: string): number {
  return [...snap.things].filter((thing) => thing.startsWith(kind)).length
}

function take(): Ledger {
  const snap = snapshot()
  const { heapUsed, external } = process.memoryUsage()
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
  return {
    descriptors: [...snap.descriptors.values()].reduce((sum, number) => sum + number, 0),
    processes: count(snap, 'child process') + count(snap, 'process'),
    threads: Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
    cgroups: count(snap, 'cgroup'),
    mounts: count(snap, 'mount'),
    'temporary files': count(snap, 'temporary file'),
    'resident memory, MiB': resident,
    'JavaScript heap, MiB': heapUsed / MIB,
    'memory outside of it, MiB': external / MIB,
  }
}

/** The names of what has grown. */
export function grown(before: Ledger, after: Ledger): string[] {
  return Object.keys(before).filter((name) => (after[name] ?? 0) > (before[name] ?? 0) + (PLAY[name] ?? 0))
}

/** The ledger once tear-down has come to its end: when nothing exceeds `reference`, or nothing falls for a while. */
export async function settledLedger(drain: () => void, reference?: Ledger): Promise<Ledger> {
  const deadlineMs = performance.now() + 20_000
  for (;;) {
    drain()
    globalThis.gc?.()
    await sleep(1500) // the group of this process goes a moment after its last sandbox
    const now = take()
    if (performance.now() > deadlineMs || (reference && grown(reference, now).length === 0)) return now
    if (!reference && now.cgroups === 0 && now.processes === 0) return now
  }
}

export function print(before: Ledger, after: Ledger): void {
  const wrong = grown(before, after)
  const figure = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(1)).padStart(10)
  console.log(`\n${'ledger'.padEnd(28)}${'before'.padStart(10)}${'after'.padStart(10)}`)
  for (const [name, value] of Object.entries(before)) {
    const mark = wrong.includes(name) ? '   GREW' : ''
    console.log(`${name.padEnd(28)}${figure(value)}${figure(after[name] ?? 0)}${mark}`)
  }
}
