// The shape of a plan: everything that will be done for a recipe on this host, as frozen and printable data.

import type { CapabilityName } from './capabilities.js'
import type { LandlockFileRight, LandlockNetworkRight, LandlockScope } from './landlock/rights.js'
import type { Architecture } from './seccomp/tables.js'
import type { MapWriters } from './subordinate-ids.js'
import type { NamespaceName } from './types.js'

/** A line of an id map (`user_namespaces(7)`): `count` ids from `inside` on are ids from `outside` on at the host. */
export interface IdMapLine {
  /** The first id of the range as the sandbox sees it. */
  readonly inside: number
  /** The first id of the range as the host sees it. */
  readonly outside: number
  /** How many ids the range has. */
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
  /** The directory or file, as an absolute path of the host. */
  readonly path: string
  /** Whether the caller lends a detached copy of the mount; otherwise it is opened by path inside. */
  readonly lent: boolean
  /** Whether the mounts below it come along. */
  readonly recursive: boolean
  /** Whether owners are seen through the id map: the host's root is root inside. */
  readonly idMapped: boolean
  /** Whether it becomes a layer of the root; otherwise it is a bind. */
  readonly layer: boolean
  /** Whether it is no directory of the host, but a fresh one with the nodes and links of `/dev`. */
  readonly devices: boolean
  /** Whether it is left out, without an error, where it does not exist. */
  readonly optional: boolean
  /** What is restricted in it. */
  readonly attributes: readonly MountAttribute[]
}

/**
 * One step of the setup inside the sandbox, in the order of the list.
 *
 * | `op` | what init does |
 * |---|---|
 * | `identity` | takes on the ids with which the rest is done |
 * | `shield` | takes an id of its own, which no command has: that one could signal it and set limits on it |
 * | `hostname` | sets the host name |
 * | `loopback` | brings the loopback device up |
 * | `private` | cuts all mounts off from those of the host, so that none propagates there |
 * | `seal` | makes the root itself read-only; mounts below it stay as they are |
 * | `no-pid-namespace` | becomes the one whom orphans are handed to, since it is not PID 1 |
 * | `stage` | mounts the tmpfs, of `sizeBytes` and `inodes`, that the root is put together in |
 * | `scratch` | mounts a fresh directory of the stage on `target`: all of them share its size |
 * | `layer`, `upper` | takes a directory of the host as a layer, as the writable layer with its work directory |
 * | `root` | makes the root: overlayfs over the layers, an empty directory, or one `source` alone |
 * | `directory`, `file`, `symlink` | makes one, and its missing parents |
 * | `proc`, `mqueue`, `tmpfs`, `devpts`, `bind` | mounts one on `target` |
 * | `place` | moves what was mounted ahead to `target` |
 * | `mask`, `readonly` | hides a path behind something empty, makes it read-only |
 * | `switch`, `chroot` | makes the new root `/` |
 * | `capabilities` | gives up all but `kept` |
 * | `landlock`, `landlock-path`, `landlock-port` | makes the ruleset, and adds a rule to it |
 */
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
  /** The option, as an error would name it: `'limits.memory'`. */
  readonly feature: string
  /** The file's name in the group: `'memory.max'`. */
  readonly file: string
  /** What is written to it. */
  readonly value: string
  /** Whether a kernel without the file does no harm. */
  readonly optional: boolean
}

/** A file of a cgroup that is read when the command has ended. */
export interface CgroupStat {
  /** The file's name in the group: `'memory.peak'`. */
  readonly file: string
  /** Whether a kernel without the file does no harm: the figure is then `undefined`. */
  readonly optional: boolean
}

/** A cgroup hierarchy that the command joins. */
export interface PlanHierarchy {
  /** Of the kernel interface: cgroup v1 or v2. */
  readonly version: 1 | 2
  /** The group below which the sandbox's own is made. */
  readonly base: string
  /** The controllers that are used in it. */
  readonly controllers: readonly string[]
  /** What is written to `cgroup.subtree_control`; empty on v1. */
  readonly enable: string
  /** Written once to the group below `base` that this process's sandboxes share: on v1, where a cpuset begins empty. */
  readonly groupWrites: readonly CgroupWrite[]
  /** What is written to the group of the command itself. */
  readonly limits: readonly CgroupWrite[]
  /** What is read for `usage`, when the command has ended. */
  readonly stats: readonly CgroupStat[]
  /** The file that CPU time is read from for `limits.cpuTime`; `undefined` when it is not read here. */
  readonly cpuClock: 'cpu.stat' | 'cpuacct.usage' | undefined
}

/** A limit of each process (`setrlimit(2)`); `'max'` is `RLIM_INFINITY`. */
export interface PlanRlimit {
  /** Which one: `RLIMIT_FSIZE` and so on. */
  readonly resource: 'fsize' | 'stack' | 'core' | 'nofile'
  /** In bytes; for `nofile` the number of descriptors. */
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
  /** The working directory, inside. */
  readonly cwd: string
  /** The whole of its environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Where a file without a slash is looked for. */
  readonly searchPath: string
  /** Limits of each process, set by its own process before `execve`. */
  readonly rlimits: readonly PlanRlimit[]
  /** Given from outside first, by a caller who may raise them: inside a user namespace nobody may. */
  readonly raisedRlimits: readonly PlanRlimit[]
  /** The nice value, -20 to 19; `undefined` leaves the caller's. */
  readonly nice: number | undefined
  /** Whether the caller has to give the nice value from outside. */
  readonly raisedNice: boolean
  /** The capabilities that are kept in all five sets. */
  readonly capabilities: readonly CapabilityName[]
  /** Whether it takes on the ruleset that boot has made, before the filter. */
  readonly landlock: boolean
  /** Installed last before `execve`. */
  readonly seccomp: PlanSeccomp
  /** Whether its own group becomes the root of all that it sees of cgroups. */
  readonly cgroupNamespace: boolean
  /** After how many milliseconds init ends the tree; `undefined` for never. */
  readonly wallTimeMs: number | undefined
  /** After how many milliseconds of CPU time init ends the tree; `undefined` for never. */
  readonly cpuTimeMs: number | undefined
  /** How much stdout and stderr may take together; `undefined` for the default of `run` or `spawn`. */
  readonly outputBytes: number | 'max' | undefined
  /** Hundredths of a core the tree can use at most, within a moment: how fast its CPU time can pass. */
  readonly parallelism: number
}

/** Something this host, or this caller, cannot give; `spawn()` and `run()` reject with the first. */
export interface Unsupported {
  /** The option: `'limits.memory'`. */
  readonly feature: string
  /** What is missing, as a part of a sentence. */
  readonly reason: string
  /** What to do about it. */
  readonly hint: string
}

/** What would be done: the result of {@link Sandbox.plan}. */
export interface SandboxPlan {
  /** The namespaces that are new. */
  readonly namespaces: readonly NamespaceName[]
  /** Who the command is, inside and on the host. */
  readonly identity: PlanIdentity
  /** Clock offsets; `undefined` when none were given. */
  readonly clockOffset:
    | {
        /** What is added to `CLOCK_MONOTONIC`, in milliseconds. */
        readonly monotonicMs: number
        /** What is added to `CLOCK_BOOTTIME`, in milliseconds. */
        readonly boottimeMs: number
      }
    | undefined
  /** Overlay's work directory beside a persistent upper layer; `undefined` without one. */
  readonly workdir: string | undefined
  /** What init does inside before any command, in this order. */
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
  /** The hierarchies that are joined; empty where none is needed. */
  readonly cgroups: readonly PlanHierarchy[]
  /** What is done for each command. */
  readonly command: PlanCommand
  /** Weak points that the recipe chose, in sentences. */
  readonly warnings: readonly string[]
  /** What cannot be had here; empty when the plan can be carried out. */
  readonly unsupported: readonly Unsupported[]
}
