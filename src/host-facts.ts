// What a plan has to know about the host and the caller, read once per process; plans are pure functions of it.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type CgroupFacts, readCgroupFacts } from './cgroup/facts.js'
import { readLandlock } from './landlock/host.js'
import type { LandlockFacts } from './landlock/plan.js'
import { readSystemPaths, type SystemPath } from './rootfs/system-paths.js'
import { hasSeccomp, hostMachine } from './seccomp/filter.js'
import type { Machine } from './seccomp/resolve.js'
import { readSubordinateIds, type SubordinateIds } from './subordinate-ids.js'

/** The host as plans see it. */
export interface HostFacts {
  /** Whether the caller is root, as far as its own user namespace goes. */
  readonly privileged: boolean
  readonly uid: number
  readonly gid: number
  /** Cores this process may use. */
  readonly cores: number
  readonly swapInUse: boolean
  readonly cgroups: CgroupFacts
  readonly machine: Machine
  /** Whether the kernel has filters of system calls. */
  readonly seccomp: boolean
  /** What the kernel has of Landlock; asked for when a recipe uses it. */
  readonly landlock: LandlockFacts
  /** The host's system directories, for recipes without a rootfs. */
  readonly systemPaths: readonly SystemPath[]
  /** What a caller that is not root can map besides its own id; found out when it is first asked for. */
  readonly subordinateIds: SubordinateIds
}

function swapInUse(): boolean {
  try {
    return readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1
  } catch {
    return false
  }
}

let cached: HostFacts | undefined

/** The facts of this process; read again only when its effective ids have changed. */
export function hostFacts(): HostFacts {
  const uid = process.geteuid?.() ?? 0
  const gid = process.getegid?.() ?? 0
  if (cached?.uid === uid && cached.gid === gid) return cached
  let subordinateIds: SubordinateIds | undefined
  let landlock: LandlockFacts | undefined
  cached = Object.freeze({
    privileged: uid === 0,
    uid,
    gid,
    cores: availableParallelism(),
    swapInUse: swapInUse(),
    cgroups: readCgroupFacts(),
    machine: hostMachine(),
    seccomp: hasSeccomp(),
    systemPaths: readSystemPaths(),
    get landlock() {
      landlock ??= readLandlock()
      return landlock
    },
    get subordinateIds() {
      subordinateIds ??= readSubordinateIds(uid, gid)
      return subordinateIds
    },
  })
  return cached
}

/** For what has changed the host under our feet: the next plan reads them anew. */
export function forgetHostFacts(): void {
  cached = undefined
}
