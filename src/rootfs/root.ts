// The root file system's steps, up to where something can be mounted in it.

import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { BootStep } from '../plan-types.js'
import type { Recipe, RootfsRecipe } from '../recipe.js'
import { hostSource, READONLY, type SourceContext, WRITABLE } from './sources.js'
import type { SystemPath } from './system-paths.js'

/** What /tmp and /dev/shm hold together where the root itself has no layer in memory. */
const SCRATCH_SIZE = 64 * 2 ** 20

/** A tmpfs of `sizeBytes` with room for one inode per page, at least 1024. */
export function inodesFor(sizeBytes: number): number {
  return Math.min(2 ** 31, Math.max(1024, Math.floor(sizeBytes / 4096)))
}

function stage(sizeBytes: number): BootStep {
  return { op: 'stage', sizeBytes, inodes: inodesFor(sizeBytes), at: '/' }
}

// Files of the recipe must fit beside what the program may write.
function scratchStage(recipe: Recipe): BootStep {
  const files = recipe.mounts.reduce((sum, mount) => sum + (mount.kind === 'file' ? mount.content.length * 3 : 0), 0)
  return stage(SCRATCH_SIZE + files)
}

/** The stage and the steps on it, whether the root is to be sealed at the end, and overlay's work directory. */
export interface RootPlan {
  readonly stage: BootStep
  readonly steps: readonly BootStep[]
  readonly seal: boolean
  readonly workdir: string | undefined
}

function layeredRoot(recipe: Recipe, rootfs: RootfsRecipe, context: SourceContext): RootPlan {
  const inMemory = rootfs.mode === 'overlay' && rootfs.upper === undefined
  const steps: BootStep[] = []
  for (const layer of rootfs.layers) {
    steps.push({
      op: 'layer',
      source: hostSource(context, layer, { attributes: READONLY, idMapped: true, layer: true }),
    })
  }
  let workdir: string | undefined
  if (rootfs.upper !== undefined) {
    const parent = dirname(rootfs.upper)
    const upper = basename(rootfs.upper)
    // overlayfs wants both on one mount, and works on the caller's directory itself. Any name that a directory has fits.
    const work = `.cofferdam-work-${createHash('sha256').update(upper).digest('hex').slice(0, 16)}`
    workdir = join(parent, work)
    steps.push({
      op: 'upper',
      source: hostSource(context, parent, { attributes: WRITABLE, idMapped: true }),
      upper,
      work,
    })
  }
  steps.push({ op: 'root', kind: 'overlay' })
  // A read-only root is an overlay too, so that mount points can be made in it before it is sealed.
  const own = inMemory ? stage(rootfs.sizeBytes) : scratchStage(recipe)
  return { stage: own, steps, seal: rootfs.mode === 'readonly', workdir }
}

function writableRoot(recipe: Recipe, rootfs: RootfsRecipe, context: SourceContext): RootPlan {
  const [directory] = rootfs.layers as readonly [string]
  const source = hostSource(context, directory, { attributes: WRITABLE, idMapped: true, layer: true })
  return { stage: scratchStage(recipe), steps: [{ op: 'root', kind: 'tree', source }], seal: false, workdir: undefined }
}

function accounts(recipe: Recipe, uid: number, gid: number): BootStep[] {
  const user = uid === 0 ? '' : `user:x:${uid}:${gid}:user:/tmp:/bin/sh\n`
  const group = gid === 0 ? '' : `user:x:${gid}:\n`
  const hostname = recipe.hostname ?? 'sandbox'
  const files = {
    '/etc/passwd': `root:x:0:0:root:/root:/bin/sh\n${user}nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
    '/etc/group': `root:x:0:\ntty:x:5:\n${group}nogroup:x:65534:\n`,
    '/etc/hosts': `127.0.0.1 localhost ${hostname}\n::1 localhost ip6-localhost ip6-loopback\n`,
    '/etc/hostname': `${hostname}\n`,
    '/etc/nsswitch.conf':
      'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n',
  }
  return Object.entries(files).map(([target, content]) => ({ op: 'file', target, mode: 0o644, content }))
}

/** A read-only view of the host's system directories, with accounts of its own: the root of a recipe that names none. */
function hostRoot(
  recipe: Recipe,
  context: SourceContext,
  systemPaths: readonly SystemPath[],
  uid: number,
  gid: number,
): RootPlan {
  const steps: BootStep[] = [{ op: 'root', kind: 'empty' }]
  const bind = (path: string): BootStep => ({
    op: 'bind',
    source: hostSource(context, path, { attributes: READONLY, recursive: true, optional: true, idMapped: true }),
    target: path,
  })
  for (const { path, link } of systemPaths) {
    steps.push(link === undefined ? bind(path) : { op: 'symlink', target: link, path })
  }
  steps.push(...accounts(recipe, uid, gid))
  if (!recipe.namespaces.includes('net')) steps.push(bind('/etc/resolv.conf'))
  steps.push({ op: 'symlink', target: '/tmp', path: '/var/tmp' }, { op: 'directory', target: '/run', mode: 0o755 })
  return { stage: scratchStage(recipe), steps, seal: true, workdir: undefined }
}

/** The root of a recipe with a mount namespace. */
export function planRoot(
  recipe: Recipe,
  context: SourceContext,
  systemPaths: readonly SystemPath[],
  uid: number,
  gid: number,
): RootPlan {
  if (!recipe.rootfs) return hostRoot(recipe, context, systemPaths, uid, gid)
  return recipe.rootfs.mode === 'writable'
    ? writableRoot(recipe, recipe.rootfs, context)
    : layeredRoot(recipe, recipe.rootfs, context)
}
