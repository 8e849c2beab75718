// Every attack of the suite, by topic; SECURITY.md has the same table, and test/pure/security.test.ts holds the two together.
import type { Attack } from './attack.js'
import { CGROUPS } from './table/cgroups.js'
import { FILES } from './table/files.js'
import { IMAGES } from './table/images.js'
import { IPC } from './table/ipc.js'
import { KERNEL } from './table/kernel.js'
import { LIMITS } from './table/limits.js'
import { OUTPUTS } from './table/outputs.js'
import { PROCESSES } from './table/processes.js'

/** A topic is also a test file: `test/escape/<topic>.test.ts`. */
export const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  files: FILES,
  images: IMAGES,
  processes: PROCESSES,
  kernel: KERNEL,
  cgroups: CGROUPS,
  limits: LIMITS,
  outputs: OUTPUTS,
  ipc: IPC,
}
