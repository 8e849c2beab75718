// Why a host refused a step, and exactly what lifts it: which causes are looked for, by step and errno. A pure function of
// these and the host's conditions; setup-hints.ts has the hints that need no look at a host.

import type { SandboxStep } from '../steps.js'
import {
  apparmor,
  cgroupOwner,
  chrooted,
  coveredProc,
  type Explain,
  filteredCall,
  filteredClone,
  filteredMount,
  maxNamespaces,
  missingNamespace,
  noCloseRange,
  noexec,
  noMountAttributes,
  noOverlay,
  oldKernel,
  oldOverlay,
  type Refusal,
  type RefusedStep,
  smallIdMap,
  undumpable,
  usernsClone,
} from './causes.js'
import type { HostConditions } from './conditions.js'

const MOUNT_STEPS: readonly SandboxStep[] = [
  'private-mounts',
  'stage',
  'layer',
  'bind-source',
  'overlay',
  'root',
  'proc',
  'tmpfs',
  'devpts',
  'mqueue',
  'bind',
  'mask',
  'readonly',
  'switch',
]
const OTHER_STEPS: readonly SandboxStep[] = [
  'id-map',
  'identity',
  'hostname',
  'loopback',
  'cgroup-namespace',
  'session',
  'credentials',
  'capabilities',
  'no-new-privs',
  'landlock',
  'seccomp',
]
const DENIED = ['EPERM', 'EACCES']

const RULES: readonly (readonly [steps: readonly SandboxStep[], codes: readonly string[], explain: Explain])[] = [
  [['clone'], ['ENOSPC'], maxNamespaces],
  [['clone', 'start'], ['EINVAL', 'ENOSYS', 'E2BIG'], oldKernel],
  [['clone'], ['EINVAL'], missingNamespace],
  [['clone', 'start'], ['ENOSYS', 'EINVAL'], filteredClone],
  [['clone'], DENIED, usernsClone],
  [['id-map'], ['EACCES'], undumpable],
  [['clone', 'id-map', 'identity', ...MOUNT_STEPS], DENIED, apparmor],
  [['clone'], ['EPERM'], chrooted],
  [['id-map', 'identity'], ['EPERM', 'EINVAL'], smallIdMap],
  [['cgroup'], ['EINVAL'], cgroupOwner],
  [['clone', 'start'], DENIED, filteredClone],
  [['proc'], ['EPERM'], coveredProc],
  [['overlay'], ['ENODEV'], noOverlay],
  [['overlay'], ['EPERM'], oldOverlay],
  [['layer', 'bind-source', 'bind'], ['ENOSYS'], noMountAttributes],
  [MOUNT_STEPS, [...DENIED, 'ENOSYS'], filteredMount],
  [['exec-init', 'init-image'], DENIED, noexec],
  [['exec-init'], ['ENOSYS'], noCloseRange],
  [OTHER_STEPS, [...DENIED, 'ENOSYS'], filteredCall],
]

/** The first explanation that fits; `undefined` when the conditions do not tell. */
export function explainRefusal(refused: RefusedStep, conditions: HostConditions): Refusal | undefined {
  for (const [steps, codes, explain] of RULES) {
    if (!steps.includes(refused.step) || !codes.includes(refused.code)) continue
    const refusal = explain(conditions, refused)
    if (refusal) return refusal
  }
  return undefined
}

/** Whether looking at the host could explain this failure: what is a plain mistake of a recipe is not worth a look. */
export function mayBeRefusal({ step, code }: RefusedStep): boolean {
  return RULES.some(([steps, codes]) => steps.includes(step) && codes.includes(code))
}
