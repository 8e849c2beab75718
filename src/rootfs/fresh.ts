// What the commands of a box would share and must not where each is to find it as new, and whether all of that can be had.

import { isLandlock, type LandlockStep } from '../landlock/plan.js'
import type { BootStep, SandboxPlan } from '../plan-types.js'

type Op = BootStep['op']
type Step<Name extends Op> = Extract<BootStep, { op: Name }>

/** The steps that are carried out anew for each command: everything in memory that it can write to. */
export interface FreshPlaces {
  /** The tmpfs that scratch directories are on; `undefined` when there are none. */
  readonly stage: Step<'stage'> | undefined
  readonly scratch: readonly Step<'scratch'>[]
  readonly tmpfs: readonly Step<'tmpfs'>[]
  readonly mqueue: readonly { readonly target: string }[]
  /** The ruleset: its rules hold for what is mounted, not for its name. */
  readonly landlock: readonly LandlockStep[]
}

function steps<Name extends Op>(boot: readonly BootStep[], op: Name): Step<Name>[] {
  return boot.filter((step): step is Step<Name> => step.op === op)
}

/** The places of a plan. /dev is not one of them: only root can write there. */
export function freshPlaces({ boot }: Pick<SandboxPlan, 'boot'>): FreshPlaces {
  const scratch = steps(boot, 'scratch')
  return {
    stage: scratch.length > 0 ? steps(boot, 'stage')[0] : undefined,
    scratch,
    tmpfs: steps(boot, 'tmpfs').filter(({ target }) => target !== '/dev'),
    mqueue: boot.filter((step): step is Step<'mqueue'> => step.op === 'mqueue'),
    landlock: boot.filter(isLandlock),
  }
}

function places(step: BootStep): string[] {
  if ('path' in step) return [step.path]
  return 'target' in step && step.op !== 'place' ? [step.target] : []
}

/** Whether a command that comes after others in a box can be given all that it could tell them by. */
export function isResettable(
  plan: Pick<SandboxPlan, 'namespaces' | 'identity' | 'boot' | 'cgroups' | 'command'>,
): boolean {
  const { namespaces, identity, boot, cgroups, command } = plan
  const walls = (['user', 'mount', 'pid', 'ipc'] as const).every((name) => namespaces.includes(name))
  // Root inside, and an unprivileged caller's only id, own what init has made: /dev, the files of the recipe.
  const plain = identity.switchUser && identity.uid !== 0 && command.capabilities.length === 0
  const trees = cgroups.some(({ version }) => version === 2)
  const layered = boot.some((step) => step.op === 'root' && step.kind === 'overlay')
  const inMemory = layered && !boot.some(({ op }) => op === 'upper' || op === 'seal')
  const fresh = freshPlaces(plan)
  const covers = [...fresh.scratch, ...fresh.tmpfs, ...fresh.mqueue].map(({ target }) => target)
  const hides = boot.flatMap(places).some((path) => covers.some((cover) => path.startsWith(`${cover}/`)))
  return walls && plain && trees && !inMemory && !hides
}
