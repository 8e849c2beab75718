// What the main process asks of a measured process, and what that answers.
import type { Heap, Inventory, Pace, Programs, Samples } from '../support/types.js'

export interface RoundsTask {
  /** Which contenders: a key of FAMILIES. */
  family: string
  heapBytes: number
  /** Calls of each contender at each pace that count. */
  calls: Readonly<Record<Pace, number>>
  warmUp: number
  programs: Programs
}

export interface Measured {
  name: string
  baseline?: string | undefined
  samples: Record<Pace, Samples>
}

export interface RoundsAnswer {
  heap: Heap
  /** In the order of the family. */
  contenders: Measured[]
  /** Those that this host cannot have, and why. */
  absent: { name: string; why: string }[]
}

export interface StallTask {
  heapBytes: number
  rounds: number
  programs: Programs
}

export interface StallAnswer {
  heap: Heap
  /** The longest time between two turns of an event loop that has nothing else to do, for each round. */
  longestStallMs: Record<string, number[]>
}

export interface ThroughputTask {
  concurrency: readonly number[]
  rounds: number
  windowMs: number
  programs: Programs
}

export interface ThroughputAnswer {
  /** Programs that have ended, a second: for each contender and each concurrency one figure for each round. */
  perSecond: { name: string; concurrency: number; figures: number[] }[]
  absent: RoundsAnswer['absent']
}

export interface ScaleTask {
  /** How many live at once, ascending. */
  levels: readonly number[]
  calls: Readonly<Record<Pace, number>>
  programs: Programs
}

export interface ScaleLevel {
  live: number
  /** Of the next sandbox, from the call to its end. */
  nextMs: Record<Pace, number[]>
  /** Sums over the inits of all live sandboxes. */
  initRssKib: number
  initPssKib: number
  /** By how much the Node process has grown since there was none. */
  nodeRssKib: number
  /** By how much the kernel's own memory has grown, on the whole machine. */
  kernelKib: number
}

export interface ScaleAnswer {
  levels: ScaleLevel[]
  skipped: { live: number; why: string }[]
}

export interface IdleTask {
  sandboxes: number
  programs: Programs
}

export interface IdleAnswer {
  /** Sums over all sandboxes' inits. */
  initRssKib: number
  initPssKib: number
  initPrivateKib: number
  /** By how much the Node process has grown. */
  nodeRssKib: number
  /** By how much the kernel's own memory has grown (Slab, KernelStack, PageTables, Percpu), on the whole machine. */
  kernelKib: number
}

export interface LeakTask {
  sequential: number
  concurrent: number
  programs: Programs
}

export interface LeakAnswer {
  sequentialMs: number
  concurrentMs: number
  before: Inventory
  after: Inventory
}

export interface Tasks {
  rounds: { task: RoundsTask; answer: RoundsAnswer }
  stall: { task: StallTask; answer: StallAnswer }
  throughput: { task: ThroughputTask; answer: ThroughputAnswer }
  scale: { task: ScaleTask; answer: ScaleAnswer }
  idle: { task: IdleTask; answer: IdleAnswer }
  leaks: { task: LeakTask; answer: LeakAnswer }
}

export type TaskName = keyof Tasks
