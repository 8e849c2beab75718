// What the main process asks of the worker processes, and what they answer.

export type Pace = 'turns' | 'hot' | 'sparse'

/** The static programs. */
export interface Programs {
  /** A directory that holds `/true`, which exits with 0 at once, `/probe`, which can wait, and nothing else. */
  rootfs: string
  /** The path of `/true` on the host. */
  true: string
}

export interface LatencyTask {
  pace: Pace
  heapBytes: number
  rounds: number
  programs: Programs
}

export interface StallTask {
  heapBytes: number
  rounds: number
  programs: Programs
}

export interface IdleTask {
  sandboxes: number
  programs: Programs
}

export interface LeakTask {
  sequential: number
  concurrent: number
  programs: Programs
}

/** Milliseconds, one figure for each round. */
export interface Samples {
  /** From the call until the exit is known. */
  totalMs: number[]
  /** The part of it in which the call had not yet returned. */
  callMs: number[]
  /** The part of it in which the event loop did anything but wait. */
  busyMs: number[]
}

export interface LatencyAnswer {
  heap: Heap
  samples: Record<string, Samples>
}

export interface StallAnswer {
  heap: Heap
  /** The longest time between two turns of an event loop that has nothing else to do, for each round. */
  longestStallMs: Record<string, number[]>
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

export interface LeakAnswer {
  sequentialMs: number
  concurrentMs: number
  before: Inventory
  after: Inventory
}

/** What a sandbox could leave behind. */
export interface Inventory {
  cgroups: number
  mounts: number
  children: number
  descriptors: number
  temporaryFiles: number
}

/** What the measured process really held, as the kernel counts it. */
export interface Heap {
  rssMib: number
  hugePagesMib: number
}

export interface Tasks {
  latency: { task: LatencyTask; answer: LatencyAnswer }
  stall: { task: StallTask; answer: StallAnswer }
  idle: { task: IdleTask; answer: IdleAnswer }
  leaks: { task: LeakTask; answer: LeakAnswer }
}

export type TaskName = keyof Tasks
