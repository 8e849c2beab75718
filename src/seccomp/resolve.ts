// From a profile to what is decided for each number of one machine's system calls.
//
// Of several rules for one call, one with conditions comes before one without, and among those with conditions whose
// arguments overlap the most severe action wins, in the kernel's own order (seccomp(2)); the order of entries does not
// matter. The same conditions with two actions contradict one another.

import { constants } from 'node:os'
import type { CapabilityName } from '../capabilities.js'
import { contradiction } from '../validate.js'
import { type Condition, errnoAction, lets, type Profile, type Selector, severity, VIOLATION } from './profile.js'
import { type Architecture, syscallNumbers } from './tables.js'

/** The machine that a filter is for. */
export interface Machine {
  readonly architecture: Architecture
  /** Major and minor version of the running kernel. */
  readonly kernel: readonly [number, number]
}

/** An action where all conditions hold. */
export interface Case {
  readonly conditions: readonly Condition[]
  readonly action: number
}

/** What is decided for a system call: the first case that holds, otherwise `otherwise`. */
export interface Decision {
  readonly cases: readonly Case[]
  readonly otherwise: number
  /** Where the profile says so, for messages. */
  readonly place: string
}

/** What a profile decides on a machine. */
export interface Decisions {
  readonly machine: Machine
  /** For every number that the machine's table knows. */
  readonly known: ReadonlyMap<number, Decision>
  /** For all others: calls that came after this package. */
  readonly unknown: number
}

const GO_NAMES: Readonly<Record<Architecture, string>> = { x86_64: 'amd64', aarch64: 'arm64' }
const ENOSYS = errnoAction(constants.errno.ENOSYS)

function isAtLeast([major, minor]: readonly [number, number], wanted: readonly [number, number]): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1])
}

// As Docker reads them: all of `includes` must hold, and any of `excludes` is enough.
function applies(includes: Selector, excludes: Selector, machine: Machine, kept: ReadonlySet<CapabilityName>): boolean {
  const architecture = GO_NAMES[machine.architecture]
  if (excludes.capabilities.some((name) => kept.has(name))) return false
  if (excludes.architectures.includes(architecture)) return false
  if (excludes.minKernel && isAtLeast(machine.kernel, excludes.minKernel)) return false
  if (!includes.capabilities.every((name) => kept.has(name))) return false
  if (includes.architectures.length > 0 && !includes.architectures.includes(architecture)) return false
  return !includes.minKernel || isAtLeast(machine.kernel, includes.minKernel)
}

function keyOf(conditions: readonly Condition[]): string {
  return conditions
    .map(({ index, op, value, mask }) => `${index}${op}${value}&${mask}`)
    .sort()
    .join()
}

interface Rule extends Case {
  readonly place: string
}

function decide(rules: readonly Rule[], defaultAction: number, defaultPlace: string): Decision {
  const unique = new Map<string, Rule>()
  for (const rule of rules) {
    const key = keyOf(rule.conditions)
    const before = unique.get(key)
    if (before && before.action !== rule.action) {
      throw contradiction(
        `${rule.place} contradicts ${before.place}: the same system call with the same conditions and another action. ` +
          'Drop one of the two.',
      )
    }
    if (!before) unique.set(key, rule)
  }
  const general = unique.get('')
  unique.delete('')
  const otherwise = general?.action ?? defaultAction
  const cases = [...unique.values()].sort((a, b) => severity(b.action) - severity(a.action))
  while (cases.at(-1)?.action === otherwise) cases.pop()
  return { cases, otherwise, place: (general ?? rules[0])?.place ?? defaultPlace }
}

/**
 * Resolves a profile for a machine and the capabilities that the command keeps.
 *
 * @throws TypeError for entries that contradict one another there
 */
export function resolveProfile(
  option: string,
  profile: Profile,
  machine: Machine,
  capabilities: readonly CapabilityName[],
): Decisions {
  const numbers = syscallNumbers(machine.architecture)
  const kept = new Set(capabilities)
  const rules = new Map<number, Rule[]>()
  let newest = -1
  for (const { names, action, conditions, includes, excludes } of profile.entries) {
    const counts = applies(includes, excludes, machine, kept)
    for (const { name, place } of names) {
      const number = numbers.get(name)
      if (number === undefined) continue
      newest = Math.max(newest, number)
      if (!counts) continue
      const rule = { conditions, action, place }
      const before = rules.get(number)
      if (before) before.push(rule)
      else rules.set(number, [rule])
    }
  }
  // What a profile's author cannot have known is answered as an older kernel would, so that libc falls back: so do runc
  // and crun. With a deadly default only what this package does not know either: better to name a call than to hide it.
  const { defaultAction } = profile
  const isOld = !lets(defaultAction) && severity(defaultAction) === severity(ENOSYS)
  const known = new Map<number, Decision>()
  for (const number of numbers.values()) {
    const absent = isOld && number > newest
    known.set(number, decide(rules.get(number) ?? [], absent ? ENOSYS : defaultAction, `${option} defaultAction`))
  }
  const decisions = { machine, known, unknown: lets(defaultAction) ? defaultAction : ENOSYS }
  checkUsable(option, decisions)
  return decisions
}

// The filter is there before the command: its execve(2) must pass, whatever its arguments, and a command that cannot be
// executed must be able to say so and end. Under either as a violation it would wait for init, and init for it.
function checkUsable(option: string, { machine, known }: Decisions): void {
  const decision = (name: string) => known.get(syscallNumbers(machine.architecture).get(name) as number) as Decision
  const execve = decision('execve')
  if (![execve.otherwise, ...execve.cases.map(({ action }) => action)].every(lets)) {
    throw contradiction(
      `${option} would refuse execve (${execve.place}), by which the command itself is started under its filter. ` +
        'Allow execve without conditions.',
    )
  }
  const exit = decision('exit_group')
  if ([exit.otherwise, ...exit.cases.map(({ action }) => action)].includes(VIOLATION)) {
    throw contradiction(`${option} would kill a program for exit_group (${exit.place}): none could end. Allow it.`)
  }
}
