// What the parts of the benchmark hand to one another.

/** The static programs. */
export interface Programs {
  /** A directory that holds `/true`, which exits with 0 at once, `/hello`, `/probe`, which can wait, and nothing else. */
  rootfs: string
  /** The path of `/true` on the host. */
  true: string
  /** The path of `/hello` on the host: it writes six bytes and exits. */
  hello: string
  /** The server that measures the kernel's own price, programs/floor.c. */
  floor: string
}

/** `hot`: back to back. `sparse`: 30 ms idle before each, as a service lives. */
export type Pace = 'hot' | 'sparse'

/** What a contender may have measured itself, in milliseconds. */
export interface Trial {
  /** Instead of the time from the call until its promise has settled. */
  totalMs?: number
  /** From the call until the first byte of output. */
  firstByteMs?: number
}

/** A way to start a program, ready to be called any number of times. */
export interface Starter {
  start(): Promise<Trial | undefined>
  close?(): Promise<void>
}

export interface Contender {
  name: string
  /** The name of what it is compared with: Node's own way with the same streams. */
  baseline?: string
  /** Throws when it cannot be had here; the message says why. */
  open(programs: Programs): Promise<Starter>
}

/** Milliseconds, one figure for each trial. */
export interface Samples {
  /** From the call until the exit is known. */
  totalMs: number[]
  /** The part of it in which the call had not yet returned. */
  callMs: number[]
  /** The part of it in which the event loop did anything but wait. */
  busyMs: number[]
  /** Until the first byte, where the contender looks for it. */
  firstByteMs: number[]
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

export interface Table {
  title: string
  /** What has to be known to read it. */
  note?: string
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** One line of `asked / measured / met?`. */
export interface Check {
  asked: string
  measured: string
  /** `undefined`: not measured here, and `measured` says why. */
  met: boolean | undefined
}

export interface Chart {
  /** Of the file, without its ending. */
  name: string
  svg: string
}

/** What a scenario has found. */
export interface Findings {
  /** For results.json. */
  data: unknown
  tables: readonly Table[]
  charts?: readonly Chart[]
  checks?: readonly Check[]
}
