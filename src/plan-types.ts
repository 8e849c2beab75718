// The shape of a plan: everything that will be done for a recipe on this host, as frozen and printable data.

import type { CapabilityName } from './capabilities.js'
import type { LandlockFileRight, LandlockNetworkRight, LandlockScope } from './landlock/rights.js'
import type { Architecture } from './seccomp/tables.js'
import type { MapWriters } from './subordinate-ids.js'
import type { NamespaceName } from './types.js'

/** A line of an id map (`user_namespaces(7)`): `count` ids from `inside` on are ids from `outside` on at the host. */
export interface IdMapLine {
  readonly inside: number
  readonly outside: number
  readonly count: number
}

/** Who the command is, inside and on the host. */
export interface PlanIdentity {
  /** The command's user inside the sandbox. */
  readonly uid: number
  /** The command's group inside the sandbox. */
  readonly gid: number
  /** The same user as the host sees it. */
  readonly hostUid: number
  /** The same group as the host sees it. */
  readonly hostGid: number
  /** Empty without a user namespace. */
  readonly uidMap: readonly IdMapLine[]
  /** Empty without a user namespace. */
  readonly gidMap: readonly IdMapLine[]
  /** The programs that write the maps; `undefined` where Node itself writes them: root, and a map of one id. */
  readonly mapWriters: MapWriters | undefined
  /** Whether `setgroups(2)` has to be given up to write the map: for callers without privileges. */
  readonly denySetgroups: boolean
  /** Whether the command is given its ids by credentials calls; otherwise it has them from the map or the caller. */
  readonly switchUser: boolean
}

/** A restriction of a mount (`mount_setattr(2)`). */
export type MountAttribute = 'rdonly' | 'nosuid' | 'nodev' | 'noexec'

/** A directory or file of the host that is mounted in the sandbox. */
export interface MountSource {
  readonly path: string
  /** Whether the caller lends a detached copy of the mount; otherwise it is opened by path inside. */
  readonly lent: boolean
  readonly recursive: boolean
  /** Whether owners are seen through the id map: the host's root is root inside. */
  readonly idMapped: boolean
  readonly layer: boolean
  /** Whether it is no directory of the host, but a fresh one with the nodes and links of `/dev`. */
  readonly devices: boolean
  readonly optional: boolean
  readonly attributes: readonly MountAttribute[]
}

/** One step of the setup inside the sandbox, in the order of the list. */
export type BootStep =
  | { readonly op: 'identity'; readonly uid: number; readonly gid: number }
  | { readonly op: 'shield'; readonly uid: number }
  | { readonly op: 'hostname'; readonly name: string }
  | { readonly op: 'loopback' | 'private' | 'seal' | 'no-pid-namespace' }
  | { readonly op: 'stage'; readonly sizeBytes: number; readonly inodes: number; readonly at: string }
  | {
      readonly op: 'scratch'
      readonly target: string
      readonly mode: number
      readonly attributes: readonly MountAttribute[]
    }
  | { readonly op: 'layer'; readonly source: MountSource }
  | { readonly op: 'upper'; readonly source: MountSource; readonly upper: string; readonly work: string }
  | { readonly op: 'root'; readonly kind: 'overlay' | 'empty' }
  | { readonly op: 'root'; readonly kind: 'tree'; readonly source: MountSource }
  | { readonly op: 'directory'; readonly target: string; readonly mode: number }
  | { readonly op: 'proc' | 'mqueue' | 'place'; readonly target: string }
  | {
      readonly op: 'tmpfs'
      readonly target: string
      readonly sizeBytes: number
      readonly inodes: number
      readonly mode: number
      readonly attributes: readonly MountAttribute[]
    }
  | { readonly op: 'devpts'; readonly target: string; readonly options: string }
  | { readonly op: 'bind'; readonly source: MountSource; readonly target: string }
  | { readonly op: 'file'; readonly target: string; readonly mode: number; readonly content: string | Uint8Array }
  | { readonly op: 'symlink'; readonly target: string; readonly path: string }
  | { readonly op: 'mask' | 'readonly'; readonly path: string; readonly optional: boolean }
  | { readonly op: 'switch'; readonly kind: 'pivot_root' | 'switch_root' }
  | { readonly op: 'chroot'; readonly directory: string }
  | { readonly op: 'capabilities'; readonly kept: readonly CapabilityName[] }
  | {
      readonly op: 'landlock'
      readonly files: readonly LandlockFileRight[]
      readonly network: readonly LandlockNetworkRight[]
      readonly scopes: readonly LandlockScope[]
    }
  | { readonly op: 'landlock-path'; readonly path: string; readonly rights: readonly LandlockFileRight[] }
  | { readonly op: 'landlock-port'; readonly port: number; readonly rights: readonly LandlockNetworkRight[] }

/** A value that is written to a file of a cgroup, and the option it is for. */
export interface CgroupWrite {
  readonly feature: string
  readonly file: string
  readonly value: string
  /** Whether a kernel without the file does no harm. */
  readonly optional: boolean
}

/** A file of a cgroup that is read when the command has ended. */
export interface CgroupStat {
  readonly file: string
  readonly optional: boolean
}

/** A cgroup hierarchy that the command joins. */
export interface PlanHierarchy {
  readonly version: 1 | 2
  /** The group below which the sandbox's own is made. */
  readonly base: string
  /** The controllers that are used in it. */
  readonly controllers: readonly string[]
  /** What is written to `cgroup.subtree_control`; empty on v1. */
  readonly enable: string
  readonly groupWrites: readonly CgroupWrite[]
  readonly limits: readonly CgroupWrite[]
  readonly stats: readonly CgroupStat[]
  /** The file that CPU time is read from for `limits.cpuTime`; `undefined` when it is not read here. */
  readonly cpuClock: 'cpu.stat' | 'cpuacct.usage' | undefined
}

/** A limit of each process (`setrlimit(2)`); `'max'` is `RLIM_INFINITY`. */
export interface PlanRlimit {
  readonly resource: 'fsize' | 'stack' | 'core' | 'nofile'
  readonly value: number | 'max'
  /** Whether the caller's own lower limit may stand instead: for defaults, not for what a recipe asks. */
  readonly clamp: boolean
}

/** The filter of system calls. */
export interface PlanSeccomp {
  /** What `seccomp()` chose; `'profile'` is one of the caller's own. */
  readonly profile: 'default' | 'strict' | 'off' | 'profile'
  /** The machine that it is compiled for. */
  readonly architecture: Architecture
  /**
   * Whether it keeps the command from setting limits on its init and slowing it down: where both have one id, and the
   * kernel would let it.
   */
  readonly guardsInit: boolean
  /** Its length in BPF instructions, at most 4096; 0 when it is off. */
  readonly instructions: number
}

/** What is done for the command itself, whatever command it is. */
export interface PlanCommand {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  /** Where a file without a slash is looked for. */
  readonly searchPath: string
  readonly rlimits: readonly PlanRlimit[]
  /** Given from outside first, by a caller who may raise them: inside a user namespace nobody may. */
  readonly raisedRlimits: readonly PlanRlimit[]
  readonly nice: number | undefined
  /** Whether the caller has to give the nice value from outside. */
  readonly raisedNice: boolean
  /** The capabilities that are kept in all five sets. */
  readonly capabilities: readonly CapabilityName[]
  /** Whether it takes on the ruleset that boot has made, before the filter. */
  readonly landlock: boolean
  /** Installed last before `execve`. */
  readonly seccomp: PlanSeccomp
  readonly cgroupNamespace: boolean
  readonly wallTimeMs: number | undefined
  readonly cpuTimeMs: number | undefined
  readonly outputBytes: number | 'max' | undefined
  /** Hundredths of a core the tree can use at most, within a moment: how fast its CPU time can pass. */
  readonly parallelism: number
}

/** Something this host, or this caller, cannot give; `spawn()` and `run()` reject with the first. */
export interface Unsupported {
  readonly feature: string
  readonly reason: string
  readonly hint: string
}

/** What would be done: the result of {@link Sandbox.plan}. */
export interface SandboxPlan {
  /** The namespaces that are new. */
  readonly namespaces: readonly NamespaceName[]
  readonly identity: PlanIdentity
  /** Clock offsets; `undefined` when none were given. */
  readonly clockOffset: { readonly monotonicMs: number; readonly boottimeMs: number } | undefined
  /** Overlay's work directory beside a persistent upper layer; `undefined` without one. */
  readonly workdir: string | undefined
  readonly boot: readonly BootStep[]
  /** How many of the first boot steps depend on the recipe alone, not on what the host's directories hold. */
  readonly ahead: number
  /** Whether an init that has carried out those steps already, before it was asked for, may serve the recipe. */
  readonly stocked: boolean
  /**
   * Whether each command of a box can be given everything new that an earlier one may have changed (the `reuse` of a
   * {@link SandboxPool}); otherwise only a new box is as good as new.
   */
  readonly resettable: boolean
  readonly cgroups: readonly PlanHierarchy[]
  readonly command: PlanCommand
  /** Weak points that the recipe chose, in sentences. */
  readonly warnings: readonly string[]
  /** What cannot be had here; empty when the plan can be carried out. */
  readonly unsupported: readonly Unsupported[]
}
