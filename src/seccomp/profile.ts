// What a profile says, once it has been read: plain frozen data in which nothing is unknown, and with its places.

import type { CapabilityName } from '../capabilities.js'
import { RETURN } from './bpf.js'

/** A comparison of one argument, as `scmp_compare` of seccomp_rule_add(3) has it; 64 bits, unsigned. */
export interface Condition {
  readonly index: number
  readonly op: 'ne' | 'lt' | 'le' | 'eq' | 'ge' | 'gt' | 'masked_eq'
  readonly value: bigint
  /** `masked_eq` only: which bits count. */
  readonly mask: bigint
}

/** Where an entry counts, or does not. */
export interface Selector {
  readonly capabilities: readonly CapabilityName[]
  /** In Docker's names, which are Go's. */
  readonly architectures: readonly string[]
  /** `[4, 8]`; `undefined` for any. */
  readonly minKernel: readonly [number, number] | undefined
}

/** One entry of `syscalls`. */
export interface Entry {
  readonly names: readonly { readonly name: string; readonly place: string }[]
  /** A value of {@link RETURN}. */
  readonly action: number
  readonly conditions: readonly Condition[]
  readonly includes: Selector
  readonly excludes: Selector
}

/** A profile after validation. */
export interface Profile {
  readonly defaultAction: number
  readonly entries: readonly Entry[]
}

/**
 * A violation. It stops the thread before the call, tells init, and init ends the tree: a kill that knows the call.
 * What init is and does is written in binding/init/violation.c.
 */
export const VIOLATION: number = RETURN.notify

/** Refuses a call with this error. */
export function errnoAction(errno: number): number {
  return RETURN.errno + errno
}

/** Whether a call is carried out under this action. */
export function lets(action: number): boolean {
  return action === RETURN.allow || action === RETURN.log
}

/** The order of the kernel (seccomp(2)), where the first of several actions wins. */
export function severity(action: number): number {
  if (action === VIOLATION) return 4
  if (action === RETURN.trap) return 3
  if (action === RETURN.log) return 1
  return action === RETURN.allow ? 0 : 2
}
