// What a recipe's Landlock rules come to on a host: a ruleset of the kernel's rights, or what the host lacks for it.
//
// Each rule asks for a version of the kernel's ABI. What a version does not know is never left out of a ruleset: then the
// recipe is not carried out. The one exception is the caller's own: `truncate: 'unrestricted'`.

import type { BootStep, Unsupported } from '../plan-types.js'
import type { LandlockRecipe } from '../recipe.js'
import { type LandlockFileRight, type LandlockNetworkRight, RELEASES } from './rights.js'

/** What this host has: the version of the ABI, 0 when none; then `code` is the kernel's answer. */
export interface LandlockFacts {
  readonly abi: number
  readonly code?: string | undefined
}

const READ: readonly LandlockFileRight[] = ['read_file', 'read_dir']
// To open a program for execution is to open it for reading (fs/exec.c).
const EXECUTE: readonly LandlockFileRight[] = ['execute', 'read_file']
const WRITE: readonly LandlockFileRight[] = [
  'write_file',
  'remove_dir',
  'remove_file',
  'make_char',
  'make_dir',
  'make_reg',
  'make_sock',
  'make_fifo',
  'make_block',
  'make_sym',
  'refer',
]

function writeRights({ truncate }: LandlockRecipe): readonly LandlockFileRight[] {
  return truncate === 'unrestricted' ? WRITE : [...WRITE, 'truncate']
}

/** Rights to files by path, each path once, in the order of the rules. */
function pathRights(rules: LandlockRecipe): Map<string, LandlockFileRight[]> {
  const found = new Map<string, LandlockFileRight[]>()
  const add = (paths: readonly string[] | undefined, rights: readonly LandlockFileRight[]) => {
    for (const path of paths ?? []) found.set(path, [...new Set([...(found.get(path) ?? []), ...rights])])
  }
  add(rules.read, READ)
  add(rules.write, writeRights(rules))
  add(rules.execute, rules.read === undefined ? ['execute'] : EXECUTE)
  add(rules.ioctl, ['ioctl_dev'])
  // Moving files from one directory to another is the one thing that a ruleset forbids even if it does not say so.
  if (rules.write === undefined && handledFiles(rules).length > 0) add(['/'], ['refer'])
  return found
}

function handledFiles(rules: LandlockRecipe): LandlockFileRight[] {
  const handled: LandlockFileRight[] = []
  if (rules.execute) handled.push('execute')
  if (rules.read) handled.push(...READ)
  if (rules.write) handled.push(...writeRights(rules))
  if (rules.ioctl) handled.push('ioctl_dev')
  if (handled.length > 0 && !rules.write) handled.push('refer')
  return handled
}

function portRights({ bindTcp, connectTcp }: LandlockRecipe): Map<number, LandlockNetworkRight[]> {
  const found = new Map<number, LandlockNetworkRight[]>()
  for (const port of bindTcp ?? []) found.set(port, ['bind_tcp'])
  for (const port of connectTcp ?? []) found.set(port, [...(found.get(port) ?? []), 'connect_tcp'])
  return found
}

/** The steps that make the ruleset: the last of boot. */
export function planLandlock(rules: LandlockRecipe | undefined): BootStep[] {
  if (!rules) return []
  const network: LandlockNetworkRight[] = []
  if (rules.bindTcp) network.push('bind_tcp')
  if (rules.connectTcp) network.push('connect_tcp')
  return [
    { op: 'landlock', files: handledFiles(rules), network, scopes: rules.scope ?? [] },
    ...[...pathRights(rules)].map(([path, rights]): BootStep => ({ op: 'landlock-path', path, rights })),
    ...[...portRights(rules)].map(([port, rights]): BootStep => ({ op: 'landlock-port', port, rights })),
  ]
}

/** A step of the ruleset. */
export type LandlockStep = Extract<BootStep, { op: 'landlock' | 'landlock-path' | 'landlock-port' }>

/** Whether a step of boot is one of the ruleset. */
export function isLandlock(step: BootStep): step is LandlockStep {
  return step.op === 'landlock' || step.op === 'landlock-path' || step.op === 'landlock-port'
}

type Option = Exclude<keyof LandlockRecipe, 'truncate'>

/** What each option takes, and what an older kernel cannot do. */
const NEEDS: readonly (readonly [option: Option, abi: number, older: string])[] = [
  ['read', 2, 'an older one forbids programs to move files from one directory to another, whatever the rules'],
  ['execute', 2, 'an older one forbids programs to move files from one directory to another, whatever the rules'],
  ['write', 2, 'an older one forbids programs to move files from one directory to another, whatever the rules'],
  ['write', 3, 'an older one lets files elsewhere be truncated'],
  ['connectTcp', 4, 'an older one knows no rules for ports'],
  ['bindTcp', 4, 'an older one knows no rules for ports'],
  ['ioctl', 5, 'an older one cannot restrict ioctl(2)'],
  ['scope', 6, 'an older one cannot restrict signals and abstract unix sockets'],
]

const ABSENT: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOSYS: [
    'its kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK), or a seccomp filter around this process hides it.',
    'Use Linux 5.19 or later with Landlock; in a container, let its seccomp profile permit landlock_create_ruleset, landlock_add_rule and landlock_restrict_self.',
  ],
  EOPNOTSUPP: [
    'Landlock was not enabled when the kernel was booted.',
    'Boot with landlock in the lsm= parameter of the kernel: `lsm=landlock,` and what /sys/kernel/security/lsm lists.',
  ],
}

/** What the rules ask of this host that it does not have. */
export function unsupportedLandlock(rules: LandlockRecipe | undefined, facts: () => LandlockFacts): Unsupported[] {
  if (!rules) return []
  const { abi, code = 'ENOSYS' } = facts()
  if (abi === 0) {
    const [reason, hint] = ABSENT[code] ?? [
      `the kernel, or a filter around this process, answers ${code} to landlock_create_ruleset(2).`,
      'Let what confines this process permit landlock_create_ruleset, landlock_add_rule and landlock_restrict_self.',
    ]
    return [{ feature: 'landlock', reason, hint }]
  }
  return NEEDS.filter(([option, needed]) => rules[option] !== undefined && needed > abi)
    .filter(([option, needed]) => option !== 'write' || needed !== 3 || rules.truncate !== 'unrestricted')
    .map(([option, needed, older]) => ({
      feature: `landlock.${option}`,
      reason: `it needs version ${needed} of Landlock's ABI (Linux ${RELEASES[needed]}), and this kernel has version ${abi}; ${older}.`,
      hint:
        option === 'write' && needed === 3
          ? `Use Linux ${RELEASES[needed]} or later, or say that this may be: landlock({ write, truncate: 'unrestricted' }).`
          : `Use Linux ${RELEASES[needed]} or later, or leave ${option} out of landlock().`,
    }))
}
