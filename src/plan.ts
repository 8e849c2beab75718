// From recipe to plan: a pure function of the recipe and the host's facts, and the plan is frozen and printable.

import { planCgroups } from './cgroup/plan.js'
import type { HostFacts } from './host-facts.js'
import { hasOwnInitId, planIdentity, unsupportedIds } from './identity.js'
import { unsupportedLandlock } from './landlock/plan.js'
import type { PlanCommand, PlanHierarchy, PlanIdentity, PlanRlimit, SandboxPlan, Unsupported } from './plan-types.js'
import { finite, type Recipe } from './recipe.js'
import { planBoot } from './rootfs/boot.js'
import { isResettable } from './rootfs/fresh.js'
import { filterOf } from './seccomp/filter.js'
import { planWarnings } from './warnings.js'

/** Where a file without a slash is looked for when the environment has no PATH. */
export const DEFAULT_SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const DEFAULT_OPEN_FILES = 1024

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}

// A limit that the recipe names stands; a default gives way to a lower one of the caller's.
function planRlimits({ limits }: Recipe): PlanRlimit[] {
  const rlimit = (
    resource: PlanRlimit['resource'],
    value: number | 'max' | undefined,
    otherwise?: number,
  ): PlanRlimit[] => {
    const chosen = value ?? otherwise
    return chosen === undefined ? [] : [{ resource, value: chosen, clamp: value === undefined }]
  }
  return [
    ...rlimit('core', limits.coreBytes, 0),
    ...rlimit('nofile', limits.openFiles, DEFAULT_OPEN_FILES),
    ...rlimit('fsize', limits.fileSizeBytes),
    ...rlimit('stack', limits.stackBytes),
  ]
}

function raiseRlimits(recipe: Recipe, facts: HostFacts): PlanRlimit[] {
  return facts.privileged ? planRlimits(recipe).filter(({ clamp }) => !clamp) : []
}

function planCommand(recipe: Recipe, facts: HostFacts, identity: PlanIdentity): PlanCommand {
  const { limits, environment } = recipe
  const guardsInit =
    recipe.seccomp.kind !== 'off' && recipe.namespaces.includes('pid') && !hasOwnInitId(facts, identity)
  const duties = { ports: recipe.landlock, guardsInit }
  return {
    cwd: recipe.cwd,
    environment,
    searchPath: environment.PATH ?? DEFAULT_SEARCH_PATH,
    rlimits: planRlimits(recipe),
    raisedRlimits: raiseRlimits(recipe, facts),
    nice: recipe.priority.nice,
    raisedNice: facts.privileged && (recipe.priority.nice ?? 0) < 0,
    capabilities: recipe.capabilities,
    landlock: recipe.landlock !== undefined,
    seccomp: {
      profile: recipe.seccomp.kind,
      architecture: facts.machine.architecture,
      guardsInit,
      instructions: filterOf(recipe.seccomp, recipe.capabilities, facts.machine, duties)?.instructions ?? 0,
    },
    cgroupNamespace: recipe.namespaces.includes('cgroup'),
    wallTimeMs: finite(limits.wallTimeMs),
    cpuTimeMs: finite(limits.cpuTimeMs),
    outputBytes: limits.outputBytes,
    // Not less by `cpu`, whose quota may be used up at once in each period of 100 ms, nor by `cpuset`: both can be raised.
    parallelism: facts.cores * 100,
  }
}

function unsupportedByCaller(recipe: Recipe, facts: HostFacts, cgroups: readonly PlanHierarchy[]): Unsupported[] {
  const found: Unsupported[] = []
  const user = recipe.namespaces.includes('user')
  if (!facts.privileged && !user) {
    const own = recipe.namespaces
    if (own.length > 0) {
      found.push({
        feature: 'namespaces',
        reason: `new ${own.join(', ')} namespaces without a user namespace need root.`,
        hint: "Add 'user' to the namespaces, or run as root.",
      })
    }
    if (recipe.rootfs)
      found.push({
        feature: 'rootfs',
        reason: 'chroot(2) needs root.',
        hint: "Add 'user' to the namespaces, or run as root.",
      })
    if (recipe.capabilities.length > 0) {
      found.push({
        feature: 'capabilities',
        reason: 'the caller has none to keep.',
        hint: "Add 'user' to the namespaces, or run as root.",
      })
    }
  }
  if (recipe.seccomp.kind !== 'off' && !facts.seccomp) {
    found.push({
      feature: 'seccomp',
      reason: 'its kernel was built without filters of system calls (CONFIG_SECCOMP_FILTER).',
      hint: "Use a kernel that has them, or seccomp('off') for programs that are trusted not to attack it.",
    })
  }
  const v2 = cgroups.some(({ version }) => version === 2)
  if (!recipe.namespaces.includes('pid') && !v2) {
    found.push({
      feature: 'namespaces.pid',
      reason:
        'without a pid namespace of its own a tree of processes can only be ended through cgroup v2 (cgroup.kill), and no v2 group can be made.',
      hint: "Add 'pid' to the namespaces, or give this user a cgroup v2 group.",
    })
  }
  return found
}

/** The plan of a recipe on a host. Never throws for what the host lacks: that is listed in `unsupported`. */
export function makePlan(recipe: Recipe, facts: HostFacts): SandboxPlan {
  const identity = planIdentity(recipe, facts)
  const { boot, ahead, stockable, workdir } = planBoot(recipe, {
    privileged: facts.privileged,
    identity,
    systemPaths: facts.systemPaths,
  })
  const { cgroups, unsupported } = planCgroups(recipe, facts.cgroups, facts.swapInUse)
  const command = planCommand(recipe, facts, identity)
  return deepFreeze({
    namespaces: recipe.namespaces,
    identity,
    clockOffset: recipe.clockOffset,
    workdir,
    boot,
    ahead,
    // Clock offsets are written before init is executed: one that waits has its own already.
    stocked: stockable && recipe.clockOffset === undefined,
    resettable: isResettable({ namespaces: recipe.namespaces, identity, boot, cgroups, command }),
    cgroups,
    command,
    warnings: planWarnings(recipe, facts, identity, cgroups),
    unsupported: [
      ...unsupportedIds(recipe, facts, identity),
      ...unsupportedByCaller(recipe, facts, cgroups),
      ...unsupportedLandlock(recipe.landlock, () => facts.landlock),
      ...unsupported,
    ],
  })
}
