// The recipe: what the builder's methods have said so far, as frozen data, and which sayings exclude one another.

import type { CapabilityName } from './capabilities.js'
import type { LandlockScope } from './landlock/rights.js'
import { filterOf, hostMachine, type SeccompRecipe } from './seccomp/filter.js'
import type { Figure, NamespaceName } from './types.js'
import { contradiction } from './validate.js'

/** Every namespace, in the order in which plans list them. */
export const NAMESPACES = [
  'user',
  'mount',
  'pid',
  'net',
  'ipc',
  'uts',
  'cgroup',
  'time',
] as const satisfies readonly NamespaceName[]

/** `rootfs()` after validation. */
export interface RootfsRecipe {
  readonly layers: readonly string[]
  readonly mode: 'overlay' | 'readonly' | 'writable'
  readonly upper: string | undefined
  readonly sizeBytes: number
  readonly switch: 'pivot_root' | 'switch_root' | 'chroot'
}

/** A mount or a file that the caller wants, in call order. */
export type MountRecipe =
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly writable: boolean
      readonly optional: boolean
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number; readonly mode: number }
  | { readonly kind: 'file'; readonly target: string; readonly content: string | Uint8Array; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string; readonly path: string }
  | { readonly kind: 'mask'; readonly path: string }

/** One device's limits after validation; `device` is `major:minor`. */
export interface IoLimitRecipe {
  readonly device: string
  readonly readBps?: number
  readonly writeBps?: number
  readonly readIops?: number
  readonly writeIops?: number
}

/** `limits()` after validation: bytes and milliseconds. */
export interface LimitsRecipe {
  readonly cpu?: number | 'max'
  readonly cpuTimeMs?: number | 'max'
  readonly wallTimeMs?: number | 'max'
  readonly memoryBytes?: number | 'max'
  readonly memoryHighBytes?: number | 'max'
  readonly oomGroup?: boolean
  readonly swapBytes?: number | 'max'
  readonly pids?: number | 'max'
  readonly openFiles?: number
  readonly fileSizeBytes?: number | 'max'
  readonly stackBytes?: number | 'max'
  readonly coreBytes?: number | 'max'
  readonly outputBytes?: number | 'max'
  readonly io?: readonly IoLimitRecipe[]
  readonly cpuset?: readonly number[] | 'max'
}

/** `priority()` after validation. */
export interface PriorityRecipe {
  readonly cpuWeight?: number
  readonly ioWeight?: number
  readonly nice?: number
}

/** `subordinateIds()` after validation. */
export interface SubordinateIdsRecipe {
  readonly use: 'auto' | 'always' | 'never'
  readonly callerId: number | undefined
}

/** `landlock()` after validation: each list is sorted out, and `undefined` where nothing is restricted. */
export interface LandlockRecipe {
  readonly read?: readonly string[]
  readonly write?: readonly string[]
  readonly execute?: readonly string[]
  readonly ioctl?: readonly string[]
  readonly truncate?: 'write' | 'unrestricted'
  readonly connectTcp?: readonly number[]
  readonly bindTcp?: readonly number[]
  readonly scope?: readonly LandlockScope[]
}

/** All that a `Sandbox` knows. */
export interface Recipe {
  readonly namespaces: readonly NamespaceName[]
  readonly hostname: string | undefined
  readonly clockOffset: { readonly monotonicMs: number; readonly boottimeMs: number } | undefined
  readonly rootfs: RootfsRecipe | undefined
  readonly mounts: readonly MountRecipe[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  readonly subordinateIds: SubordinateIdsRecipe
  readonly limits: LimitsRecipe
  readonly priority: PriorityRecipe
  readonly capabilities: readonly CapabilityName[]
  readonly seccomp: SeccompRecipe
  readonly landlock: LandlockRecipe | undefined
  readonly measure: readonly Figure[]
}

/** The recipe of `sandbox()`: all namespaces new, the default root, no limits. */
export const DEFAULT_RECIPE: Recipe = Object.freeze({
  namespaces: NAMESPACES,
  hostname: undefined,
  clockOffset: undefined,
  rootfs: undefined,
  mounts: Object.freeze([]),
  cwd: '/',
  environment: Object.freeze({}),
  user: undefined,
  subordinateIds: Object.freeze({ use: 'auto', callerId: undefined }),
  limits: Object.freeze({}),
  priority: Object.freeze({}),
  capabilities: Object.freeze([]),
  seccomp: Object.freeze({ kind: 'default' }),
  landlock: undefined,
  measure: Object.freeze([]),
})

/** A limit that is set and finite, or `undefined`. */
export function finite<T>(limit: T | 'max' | undefined): T | undefined {
  return limit === 'max' ? undefined : limit
}

function needs(method: string, namespace: NamespaceName): Error {
  return contradiction(
    `${method} needs a ${namespace} namespace of the sandbox's own, but share('${namespace}') or namespaces() without ` +
      `'${namespace}' has it use the host's. Drop one of the two calls.`,
  )
}

/**
 * Refuses a recipe whose parts exclude one another. Runs after every builder method on the combined recipe, so the
 * order of the calls does not matter.
 */
export function checkContradictions(recipe: Recipe): void {
  const own = (name: NamespaceName) => recipe.namespaces.includes(name)
  // What its entries come to depends on the capabilities; what has been compiled once is not compiled again.
  if (recipe.seccomp.kind === 'profile')
    filterOf(recipe.seccomp, recipe.capabilities, hostMachine(), { ports: recipe.landlock })
  if (recipe.user && !own('user')) throw needs('user()', 'user')
  if (recipe.subordinateIds.use === 'always' && !own('user')) throw needs("subordinateIds('always')", 'user')
  if (recipe.hostname !== undefined && !own('uts')) throw needs('hostname()', 'uts')
  if (recipe.clockOffset && !own('time')) throw needs('clockOffset()', 'time')
  const chroot = recipe.rootfs?.switch === 'chroot'
  if (chroot && own('mount')) {
    throw contradiction(
      "rootfs(dir, { switch: 'chroot' }) is for sandboxes without a mount namespace of their own. Call share('mount') " +
        "before it, or leave `switch` at 'pivot_root', which is the stronger wall.",
    )
  }
  if (own('mount')) return
  if (recipe.rootfs && !chroot) {
    throw contradiction(
      "rootfs() needs a mount namespace of the sandbox's own, but share('mount') or namespaces() without 'mount' has it " +
        "use the host's. Drop one of the two calls, or use rootfs(dir, { switch: 'chroot' }).",
    )
  }
  const mount = recipe.mounts[0]
  if (mount) throw needs(`${mount.kind}()`, 'mount')
}
