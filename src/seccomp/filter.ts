// The filter of a recipe: which profile, for which machine, with which capabilities; compiled once for each.

import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { CapabilityName } from '../capabilities.js'
import { compile, type Filter } from './compile.js'
import { DEFAULT_PROFILE } from './default-profile.js'
import { guardInit } from './init.js'
import { parseProfile } from './parse.js'
import { closePorts, type PortRules, portsKey } from './ports.js'
import type { Profile } from './profile.js'
import { type Machine, resolveProfile } from './resolve.js'
import { STRICT_PROFILE } from './strict-profile.js'

/** What `seccomp()` was given, after validation. */
export type SeccompRecipe =
  | { readonly kind: 'off' }
  | { readonly kind: 'default' | 'strict' }
  | { readonly kind: 'profile'; readonly profile: Profile }

/** How messages name the method. */
export const OPTION = 'seccomp()'

const SOURCES = { default: DEFAULT_PROFILE, strict: STRICT_PROFILE } as const
const presets = new Map<keyof typeof SOURCES, Profile>()
const compiled = new WeakMap<Profile, Map<string, Filter>>()

function profileOf(recipe: Exclude<SeccompRecipe, { kind: 'off' }>): Profile {
  if (recipe.kind === 'profile') return recipe.profile
  let profile = presets.get(recipe.kind)
  if (!profile) {
    profile = parseProfile(`seccomp('${recipe.kind}')`, SOURCES[recipe.kind])
    presets.set(recipe.kind, profile)
  }
  return profile
}

/** What a filter does besides its profile. */
export interface FilterDuties {
  /** Closes what gets round these rules. */
  readonly ports?: PortRules | undefined
  /** Keeps the command from limiting and slowing down its init. */
  readonly guardsInit?: boolean
}

/**
 * The filter of a recipe; `undefined` when it has none.
 *
 * @throws TypeError or RangeError for a profile that cannot be used on this machine, with the place in it
 */
export function filterOf(
  seccomp: SeccompRecipe,
  capabilities: readonly CapabilityName[],
  machine: Machine,
  { ports, guardsInit = false }: FilterDuties = {},
): Filter | undefined {
  if (seccomp.kind === 'off') return undefined
  const profile = profileOf(seccomp)
  const key = [machine.architecture, ...machine.kernel, portsKey(ports), guardsInit, ...capabilities].join()
  const known = compiled.get(profile) ?? new Map<string, Filter>()
  compiled.set(profile, known)
  let filter = known.get(key)
  if (!filter) {
    const decisions = closePorts(resolveProfile(OPTION, profile, machine, capabilities), ports)
    filter = compile(OPTION, guardsInit ? guardInit(decisions) : decisions)
    known.set(key, filter)
  }
  return filter
}

let cached: Machine | undefined

/** This machine. The kernel's release may be followed by anything: `6.1.0-13-amd64`. */
export function hostMachine(): Machine {
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10) || 0)
  cached ??= { architecture: process.arch === 'arm64' ? 'aarch64' : 'x86_64', kernel: [major, minor] }
  return cached
}

/** Whether the kernel has filters that report to a listener (Linux 5.0, CONFIG_SECCOMP_FILTER); if in doubt, it has. */
export function hasSeccomp(): boolean {
  try {
    return readFileSync('/proc/sys/kernel/seccomp/actions_avail', 'utf8').split(/\s+/).includes('user_notif')
  } catch {
    try {
      return /^Seccomp:/m.test(readFileSync('/proc/self/status', 'utf8'))
    } catch {
      return true
    }
  }
}
