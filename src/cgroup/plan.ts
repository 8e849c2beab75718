// From requests to hierarchies: which ones the command joins, what is written there, what is read at the end.

import type { PlanHierarchy, Unsupported } from '../plan-types.js'
import { finite, type Recipe } from '../recipe.js'
import type { CgroupFacts, Hierarchy } from './facts.js'
import { type CgroupRequest, cgroupRequests, figureRequests } from './requests.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }
type Draft = Mutable<PlanHierarchy>

/** v2 controllers that are switched on wherever they can be: they cost little and their figures are wanted. */
const ALWAYS = ['cpu', 'memory', 'pids', 'io']

/** What a controller is called in a hierarchy. */
export function controllerName(hierarchy: { readonly version: 1 | 2 }, controller: string): string {
  return hierarchy.version === 1 && controller === 'io' ? 'blkio' : controller
}

/** The hierarchy that can serve a controller: v2 where it has it, else v1. */
function provider(facts: CgroupFacts, controller: string): Hierarchy | undefined {
  return facts.hierarchies.find((hierarchy) => hierarchy.controllers.includes(controllerName(hierarchy, controller)))
}

const DELEGATE =
  'Start the program in a leaf of a delegated group: `systemd-run --user --pipe --wait -p Delegate=yes -p ' +
  'DelegateSubgroup=main node app.js` (without --user as root; systemd 254 or later).'

const V1_RIGHTS =
  'systemd delegates no cgroup v1: run as root, have a group of it given to this user (chown), or boot with cgroup v2 ' +
  '(systemd.unified_cgroup_hierarchy=1) and have that delegated.'

const REMOUNT =
  'Mount it writable: `mount -o remount,rw /sys/fs/cgroup`. A container has it so with `docker run --privileged`, or ' +
  '`podman run --security-opt unmask=/sys/fs/cgroup`.'

/** Why no hierarchy has a controller, and what to do. */
export function missingController(feature: string, controller: string, facts: CgroupFacts): Unsupported {
  const v2 = facts.hierarchies.find((hierarchy) => hierarchy.version === 2)
  if (v2?.blocked.includes(controller)) {
    return {
      feature,
      reason: `the ${controller} controller cannot be enabled below ${v2.base}, because this process is in that group itself.`,
      hint: `Let it move itself into a leaf of that group: \`await delegateCgroup({ moveSelf: true })\`. ${DELEGATE}`,
    }
  }
  const has = ({ controllers }: { readonly controllers: readonly string[] }) =>
    controllers.includes(controller) || (controller === 'io' && controllers.includes('blkio'))
  const problem = facts.problems.find(has) ?? facts.problems[0]
  if (problem !== undefined) {
    return {
      feature,
      reason: `it needs the ${controller} cgroup controller. ${problem.reason}`,
      hint: problem.readOnly ? REMOUNT : problem.version === 1 ? V1_RIGHTS : DELEGATE,
    }
  }
  return {
    feature,
    reason: `no mounted cgroup hierarchy has the ${controller} controller for us.`,
    hint: `Boot a kernel with it, mount it, or have it delegated: ${DELEGATE}`,
  }
}

function statsOf({ version, controllers }: Draft): { file: string; optional: boolean }[] {
  const files: [controller: string, file: string, optional: boolean][] =
    version === 2
      ? [
          ['memory', 'memory.peak', true],
          ['memory', 'memory.events', false],
          ['pids', 'pids.peak', true],
          ['pids', 'pids.events', false],
          ['io', 'io.stat', true],
        ]
      : [
          ['memory', 'memory.max_usage_in_bytes', false],
          ['memory', 'memory.oom_control', false],
          ['pids', 'pids.peak', true],
          ['pids', 'pids.events', true],
          ['blkio', 'blkio.throttle.io_service_bytes_recursive', true],
          ['cpuacct', 'cpuacct.usage', false],
        ]
  const wanted = files
    .filter(([controller]) => controllers.includes(controller))
    .map(([, file, optional]) => ({ file, optional }))
  return version === 2 ? [{ file: 'cpu.stat', optional: false }, ...wanted] : wanted
}

class Joiner {
  readonly drafts: Draft[] = []
  readonly unsupported: Unsupported[] = []

  constructor(readonly facts: CgroupFacts) {}

  join(hierarchy: Hierarchy, controller?: string): Draft {
    let draft = this.drafts.find(({ base }) => base === hierarchy.base)
    if (!draft) {
      const { version, base } = hierarchy
      // v1 joins a whole mount: what was co-mounted with the wanted controller comes along.
      const controllers =
        version === 1 ? [...hierarchy.controllers] : ALWAYS.filter((name) => hierarchy.controllers.includes(name))
      draft = { version, base, controllers, enable: '', groupWrites: [], limits: [], stats: [], cpuClock: undefined }
      this.drafts.push(draft)
    }
    if (controller !== undefined && !draft.controllers.includes(controller)) draft.controllers.push(controller)
    return draft
  }

  request(wish: CgroupRequest, swapInUse: boolean): void {
    const { feature, controller } = wish
    const hierarchy = provider(this.facts, controller)
    if (!hierarchy) {
      this.unsupported.push(missingController(feature, controller, this.facts))
      return
    }
    const files = wish.files(hierarchy, swapInUse)
    if (typeof files === 'string') {
      this.unsupported.push({ feature, reason: files, hint: 'Leave the option out, or use a host with cgroup v2.' })
      return
    }
    const draft = this.join(hierarchy, controllerName(hierarchy, controller))
    if (hierarchy.version === 1 && controller === 'cpuset' && draft.groupWrites.length === 0) {
      draft.groupWrites.push({ feature, file: 'cpuset.cpus', value: hierarchy.cpus, optional: false })
      draft.groupWrites.push({ feature, file: 'cpuset.mems', value: hierarchy.mems, optional: false })
    }
    for (const { file, value, optional = false } of files) draft.limits.push({ feature, file, value, optional })
  }

  cpuClock(): void {
    const v2 = this.drafts.find(({ version }) => version === 2)
    if (v2) {
      // Every v2 group counts its CPU time, with or without the cpu controller.
      v2.cpuClock = 'cpu.stat'
      return
    }
    const cpuacct = provider(this.facts, 'cpuacct')
    if (cpuacct) this.join(cpuacct).cpuClock = 'cpuacct.usage'
    else this.unsupported.push(missingController('limits.cpuTime', 'cpuacct', this.facts))
  }
}

/** The hierarchies of a recipe, v2 first. */
export function planCgroups(
  recipe: Recipe,
  facts: CgroupFacts,
  swapInUse: boolean,
): { cgroups: PlanHierarchy[]; unsupported: Unsupported[] } {
  const joiner = new Joiner(facts)
  const v2 = facts.hierarchies.find(({ version }) => version === 2)
  // Always a v2 leaf: process control, CPU statistics, and an attach without the slow write (CLONE_INTO_CGROUP).
  if (v2) joiner.join(v2)
  for (const wish of cgroupRequests(recipe.limits, recipe.priority)) joiner.request(wish, swapInUse)
  for (const wish of figureRequests(recipe.measure)) joiner.request(wish, swapInUse)
  if (finite(recipe.limits.cpuTimeMs) !== undefined) joiner.cpuClock()
  for (const draft of joiner.drafts) {
    if (draft.version === 2) draft.enable = draft.controllers.map((name) => `+${name}`).join(' ')
    draft.stats.push(...statsOf(draft))
  }
  return { cgroups: joiner.drafts, unsupported: joiner.unsupported }
}
