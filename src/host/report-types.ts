// The shape of what checkHost() finds out: plain data, the same in JSON.

import type { SandboxStep } from '../steps.js'
import type { ContainerKind } from './container.js'

/** What a capability is about; the sections of `cofferdam doctor`. */
export type CapabilityGroup = 'process' | 'namespaces' | 'rootfs' | 'cgroups' | 'privileges'

/** One thing that sandboxes are made of, and whether this process can have it on this host. */
export interface HostCapability {
  /** A stable name: `'clone3'`, `'namespaces.user'`, `'limits.memory'`. */
  readonly name: string
  /** The section it belongs to. */
  readonly group: CapabilityGroup
  /** The name for people. */
  readonly title: string
  /** `undefined` when it could not be tried: `detail` says why. */
  readonly works: boolean | undefined
  /** Whether a default sandbox, `sandbox().run('true')`, needs it. */
  readonly required: boolean
  /** How it was found out: what was done in a child process. */
  readonly how: string
  /** What was seen besides: a version, a reason, a cause; `undefined` when there is nothing to add. */
  readonly detail: string | undefined
  /** The errno's name when the kernel refused, `'EPERM'`; `undefined` otherwise. */
  readonly code: string | undefined
  /** The step of the sandbox that failed; `undefined` when it was no sandbox, or none failed. */
  readonly step: SandboxStep | undefined
  /** What one goes without where it does not work. */
  readonly cost: string
  /** What to do, commands in backticks; `undefined` when it works, or nothing can be done. */
  readonly remedy: string | undefined
}

/** Whether one kind of sandbox starts. */
export interface StartVerdict {
  /** Whether it does. */
  readonly starts: boolean
  /** Why not; `undefined` when it starts. */
  readonly reason: string | undefined
  /** What to do; `undefined` when it starts, or nothing is known. */
  readonly remedy: string | undefined
}

/** Which cgroup hierarchies are mounted: `'hybrid'` is v2 and controllers on v1. */
export type CgroupLayout = 'v2' | 'v1' | 'hybrid' | 'none'

/** What {@link checkHost} resolves with: frozen, and the same after `JSON.stringify`, but for fields that are `undefined`. */
export interface HostReport {
  /** Version of this package. */
  readonly version: string
  /** Version of Node. */
  readonly node: string
  /** `process.platform` and `process.arch`, as `'linux-x64'`. */
  readonly platform: string
  /** `uname -r`; empty when it cannot be read. */
  readonly kernel: string
  /** Effective ids of this process. */
  readonly caller: {
    /** The user. */
    readonly uid: number
    /** The group. */
    readonly gid: number
  }
  /** Whether a seccomp filter is on this process, as container runtimes put there. */
  readonly seccompFilter: boolean
  /** The container runtime that has left its marks; `undefined` when none has. */
  readonly container: ContainerKind | undefined
  /** Which hierarchies are mounted. */
  readonly cgroups: CgroupLayout
  /** Switches of the kernel that restrict sandboxes, by their sysctl name; those that this kernel has. */
  readonly settings: Readonly<Record<string, number>>
  /** `sandbox().run('true')`. */
  readonly defaultSandbox: StartVerdict
  /** The same with limits on memory, processes, CPU and time. */
  readonly limitedSandbox: StartVerdict
  /** In the order in which a sandbox needs them. */
  readonly capabilities: readonly HostCapability[]
}

/** Options of {@link checkHost}. */
export interface CheckHostOptions {
  /**
   * After how many milliseconds what is not known by then is reported as such, 1 to 600000.
   *
   * @default 30000
   */
  timeoutMs?: number | undefined
}
