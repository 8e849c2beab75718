// The kernel's file systems inside the root: /proc (hardened), /dev (minimal), /tmp.

import type { BootStep } from '../plan-types.js'
import type { Recipe } from '../recipe.js'
import { inodesFor } from './root.js'
import { deviceSource, devicesSource, hostSource, type SourceContext } from './sources.js'

const DEV_SIZE = 64 * 2 ** 10

// Files of /proc that tell about the host or act on it, whoever owns them.
const MASKED = ['kcore', 'keys', 'timer_list', 'sched_debug', 'latency_stats', 'kmsg', 'acpi', 'asound', 'scsi']
const READ_ONLY = ['sys', 'bus', 'fs', 'irq', 'sysrq-trigger']
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

const HARDENING: readonly BootStep[] = [
  ...MASKED.map((name): BootStep => ({ op: 'mask', path: `/proc/${name}`, optional: true })),
  ...READ_ONLY.map((name): BootStep => ({ op: 'readonly', path: `/proc/${name}`, optional: true })),
]

// init's own files belong to root inside, where that is not somebody else than the caller: it could adjust what the kernel
// does to init when memory is short, and the CPU share of init's session.
const INIT: BootStep = { op: 'readonly', path: '/proc/1', optional: false }

/**
 * /proc of the sandbox's own processes, hardened; nothing when the pid namespace is shared. `initIsReachable` is whether
 * the command may be let write to init's files.
 */
export function planProc(recipe: Recipe, initIsReachable: boolean): BootStep[] {
  if (!recipe.namespaces.includes('pid')) return []
  return [{ op: 'proc', target: '/proc' }, ...HARDENING, ...(initIsReachable ? [INIT] : [])]
}

/** The host's /proc, hardened, when the pid namespace is shared. */
export function planSharedProc(recipe: Recipe, context: SourceContext): BootStep[] {
  if (recipe.namespaces.includes('pid')) return []
  const source = hostSource(context, '/proc', { attributes: ['nosuid', 'nodev', 'noexec'], recursive: true })
  return [{ op: 'bind', source, target: '/proc' }, ...HARDENING]
}

/** What is mounted before there is a root, and has to be moved into it. */
export function planPlaces(recipe: Recipe): BootStep[] {
  const targets = [
    ...(recipe.namespaces.includes('pid') ? ['/proc'] : []),
    '/dev',
    ...(taken(recipe, '/tmp') ? [] : ['/tmp']),
  ]
  return targets.map((target) => ({ op: 'place', target }))
}

function scratch(target: string): BootStep {
  return { op: 'scratch', target, mode: 0o1777, attributes: ['nosuid', 'nodev'] }
}

/** Whether the recipe itself mounts something exactly there. */
function taken(recipe: Recipe, target: string): boolean {
  return recipe.mounts.some((mount) => (mount.kind === 'bind' || mount.kind === 'tmpfs') && mount.target === target)
}

// What a caller without privileges has to put together: nodes cannot be made in a user namespace, only bound.
function boundDevices(): BootStep[] {
  const links = [
    ['pts/ptmx', '/dev/ptmx'],
    ['/proc/self/fd', '/dev/fd'],
    ['/proc/self/fd/0', '/dev/stdin'],
    ['/proc/self/fd/1', '/dev/stdout'],
    ['/proc/self/fd/2', '/dev/stderr'],
  ] as const
  return [
    {
      op: 'tmpfs',
      target: '/dev',
      sizeBytes: DEV_SIZE,
      inodes: inodesFor(DEV_SIZE),
      mode: 0o755,
      attributes: ['nosuid', 'noexec'],
    },
    ...DEVICES.map((name): BootStep => ({ op: 'bind', source: deviceSource(`/dev/${name}`), target: `/dev/${name}` })),
    ...links.map(([target, path]): BootStep => ({ op: 'symlink', target, path })),
  ]
}

/** Whether the recipe puts anything of its own below /dev, for which init must be able to write there. */
function usesDev(recipe: Recipe): boolean {
  return recipe.mounts.some((mount) =>
    ('target' in mount && mount.kind !== 'symlink' ? mount.target : mount.path).startsWith('/dev/'),
  )
}

/** /dev with the devices that no program does without; `ttyGroup` is whether group 5 is mapped. */
export function planDev(recipe: Recipe, context: SourceContext, ttyGroup: boolean): BootStep[] {
  const steps: BootStep[] =
    context.privileged && !usesDev(recipe)
      ? [{ op: 'bind', source: devicesSource(context), target: '/dev' }]
      : boundDevices()
  steps.push({
    op: 'devpts',
    target: '/dev/pts',
    options: `newinstance,ptmxmode=0666,mode=0620${ttyGroup ? ',gid=5' : ''}`,
  })
  if (!taken(recipe, '/dev/shm')) steps.push(scratch('/dev/shm'))
  if (recipe.namespaces.includes('ipc')) steps.push({ op: 'mqueue', target: '/dev/mqueue' })
  return steps
}

/** /tmp in memory, unless the recipe puts something there itself. */
export function planTmp(recipe: Recipe): BootStep[] {
  return taken(recipe, '/tmp') ? [] : [scratch('/tmp')]
}
