// The boot steps of a recipe in their order: identity, host name, root, kernel file systems, the caller's mounts, switch.

import { isMapped } from '../identity.js'
import type { BootStep, PlanIdentity } from '../plan-types.js'
import type { MountRecipe, Recipe } from '../recipe.js'
import { planDev, planPlaces, planProc, planSharedProc, planTmp } from './pseudo.js'
import { inodesFor, planRoot } from './root.js'
import { hostSource, READONLY, type SourceContext, WRITABLE } from './sources.js'
import type { SystemPath } from './system-paths.js'

const NOBODY = 65534
const TTY_GROUP = 5

/** What the boot steps follow from, besides the recipe. */
export interface BootContext {
  readonly privileged: boolean
  readonly identity: PlanIdentity
  readonly systemPaths: readonly SystemPath[]
}

/** The steps and overlay's work directory. */
export interface BootPlan {
  readonly boot: readonly BootStep[]
  /** How many of the steps need nothing but the recipe. */
  readonly ahead: number
  /** Whether the steps after these can do without the host's mounts. */
  readonly stockable: boolean
  readonly workdir: string | undefined
}

function userMount(mount: MountRecipe, context: SourceContext): BootStep {
  switch (mount.kind) {
    case 'bind': {
      const attributes = mount.writable ? WRITABLE : READONLY
      // Never id-mapped: through a bind the host's root must stay a stranger, whose files nobody inside can write.
      const source = hostSource(context, mount.source, { attributes, recursive: true, optional: mount.optional })
      return { op: 'bind', source, target: mount.target }
    }
    case 'tmpfs': {
      const { target, sizeBytes, mode } = mount
      return { op: 'tmpfs', target, sizeBytes, inodes: inodesFor(sizeBytes), mode, attributes: ['nosuid', 'nodev'] }
    }
    case 'file':
      return { op: 'file', target: mount.target, mode: mount.mode, content: mount.content }
    case 'symlink':
      return { op: 'symlink', target: mount.target, path: mount.path }
    case 'mask':
      return { op: 'mask', path: mount.path, optional: false }
  }
}

function planMounts(recipe: Recipe, { privileged, identity, systemPaths }: BootContext): BootPlan {
  const mapped = recipe.namespaces.includes('user')
  const sources: SourceContext = { privileged, idMapped: privileged && mapped }
  const root = planRoot(recipe, sources, systemPaths, identity.uid, identity.gid)
  const ttyGroup = !mapped || isMapped(identity.gidMap, TTY_GROUP)
  const kind = recipe.rootfs?.switch === 'switch_root' ? 'switch_root' : 'pivot_root'
  const ahead: BootStep[] = [
    { op: 'private' },
    root.stage,
    ...planProc(recipe),
    ...planDev(recipe, sources, ttyGroup),
    ...planTmp(recipe),
  ]
  const boot: BootStep[] = [
    ...ahead,
    ...root.steps,
    ...planSharedProc(recipe, sources),
    ...planPlaces(recipe),
    ...recipe.mounts.map((mount) => userMount(mount, sources)),
    ...(root.seal ? [{ op: 'seal' } as const] : []),
    { op: 'switch', kind },
  ]
  // Over a directory of the old root the stage goes away with it, which saves a wait; but it must hide nothing that is
  // still to be opened by path.
  const allLent = boot.every((step) => !('source' in step) || step.source.lent)
  const at = allLent ? '/tmp' : '/'
  return {
    boot: boot.map((step) => (step.op === 'stage' ? { ...step, at } : step)),
    ahead: ahead.length,
    stockable: allLent && kind === 'pivot_root',
    workdir: root.workdir,
  }
}

/**
 * Whether init must not have the command's ids: where processes outside of its namespace are seen, and where the command
 * is root inside. Any other caller's init keeps its own, which joining v1 groups wants (kernel/cgroup/cgroup-v1.c).
 */
function needsShield(recipe: Recipe, { privileged, identity }: BootContext): boolean {
  if (recipe.namespaces.includes('pid')) return privileged && identity.uid === 0
  return privileged || identity.mapWriters !== undefined
}

// Whoever has init's real and saved id can set its resource limits (prlimit(2)), and signal it outside a pid namespace.
function shield(identity: PlanIdentity): BootStep {
  const free = (id: number) => id !== identity.uid && (identity.uidMap.length === 0 || isMapped(identity.uidMap, id))
  return { op: 'shield', uid: [NOBODY, NOBODY - 1, 1].find(free) ?? 0 }
}

/** All boot steps of a recipe. */
export function planBoot(recipe: Recipe, context: BootContext): BootPlan {
  const own = (name: Recipe['namespaces'][number]) => recipe.namespaces.includes(name)
  const boot: BootStep[] = []
  if (!own('pid')) boot.push({ op: 'no-pid-namespace' })
  // Any other caller's init keeps its id, with which it can open what the caller can; it has its capabilities already.
  if (own('user') && context.privileged) boot.push({ op: 'identity', uid: 0, gid: 0 })
  if (own('uts')) boot.push({ op: 'hostname', name: recipe.hostname ?? 'sandbox' })
  if (own('net')) boot.push({ op: 'loopback' })
  const names = boot.length
  const mounts = own('mount') ? planMounts(recipe, context) : undefined
  const directory = recipe.rootfs?.layers[0]
  if (mounts) boot.push(...mounts.boot)
  else if (directory !== undefined) boot.push({ op: 'chroot', directory })
  if (needsShield(recipe, context)) boot.push(shield(context.identity))
  return {
    boot,
    ahead: names + (mounts?.ahead ?? 0),
    stockable: context.privileged && own('user') && own('pid') && mounts?.stockable === true,
    workdir: mounts?.workdir,
  }
}
