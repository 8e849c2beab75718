// Probes of namespaces and of what a root file system is made of: mostly sandboxes, one namespace at a time.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { hostFacts } from '../host-facts.js'
import { type Sandbox, sandbox } from '../sandbox.js'
import type { SandboxStep } from '../steps.js'
import type { NamespaceName } from '../types.js'
import { askKernel, askSandbox, type Finding, type Probe, works } from './probe.js'

const MAKING: readonly SandboxStep[] = ['clone', 'id-map']

const NAMESPACES: readonly [name: NamespaceName, own: readonly SandboxStep[], cost: string][] = [
  ['pid', MAKING, "Recipes need share('pid'): they see the host's processes, and only cgroup v2 can end them."],
  [
    'mount',
    [...MAKING, 'private-mounts', 'stage', 'root', 'switch'],
    "Recipes need share('mount'), and have no root and no binds of their own.",
  ],
  ['net', [...MAKING, 'loopback'], "Recipes need share('net'), and can use the host's network."],
  ['ipc', [...MAKING, 'mqueue'], "Recipes need share('ipc'), and can reach the host's System V and POSIX objects."],
  ['uts', [...MAKING, 'hostname'], "Recipes need share('uts'), and have no host name of their own."],
  ['cgroup', [...MAKING, 'cgroup-namespace'], "Recipes need share('cgroup'), and see the host's cgroup paths."],
  ['time', [...MAKING, 'clock-offset'], "Recipes need share('time'), and have no clockOffset()."],
]

let base: Finding | undefined

// A pid namespace is in each of them: without one, ending the tree would take cgroup v2.
async function askNamespace(name: NamespaceName, own: readonly SandboxStep[]): Promise<Finding> {
  base ??= await askSandbox(sandbox().namespaces('user', 'pid'), MAKING)
  if (name === 'pid') return base
  const finding = await askSandbox(sandbox().namespaces('user', 'pid', name), own)
  if (finding.works || base.works) return finding
  return { ...finding, works: undefined, detail: `It could not be tried: user and pid namespaces do not work either.` }
}

export const namespaceProbes: readonly Probe[] = [
  {
    name: 'namespaces.user',
    group: 'namespaces',
    title: 'user',
    required: true,
    how: 'A process made one, mapped its id and changed a mount.',
    cost: "Only root can start sandboxes, and only with share('user').",
    attempt: () => askKernel('user-namespace'),
  },
  ...NAMESPACES.map(
    ([name, own, cost]): Probe => ({
      name: `namespaces.${name}`,
      group: 'namespaces',
      title: name,
      required: true,
      how: 'A sandbox was started in one.',
      cost,
      attempt: () => askNamespace(name, own),
    }),
  ),
]

/** A recipe over a directory that can run the host's programs. */
function layered(directory: string, upper?: string): Sandbox {
  let recipe = sandbox().rootfs(directory, upper === undefined ? {} : { upper })
  for (const { path, link } of hostFacts().systemPaths) {
    if (path.startsWith('/etc')) continue
    recipe = link === undefined ? recipe.bind(path, path, { optional: true }) : recipe.symlink(link, path)
  }
  return recipe
}

function makeDirectory(scratch: string | undefined, name: string): string {
  if (scratch === undefined) throw new Error('no directory can be made in the one for temporary files (TMPDIR).')
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true, mode: 0o755 })
  return path
}

// A file of root's shows as root's inside only through the id map: `-O` is true for the owner.
async function askIdMapped(): Promise<Finding> {
  if (!hostFacts().privileged) return { works: false, detail: 'The caller is not root.', remedy: 'Run as root.' }
  const finding = await askSandbox(sandbox().user(0))
  if (!finding.works) return { ...finding, works: undefined }
  const { exitCode } = await sandbox().user(0).run('sh', ['-c', '[ -O /usr ]'])
  if (exitCode === 0) return works()
  return { works: false, detail: 'The file system of /usr has none.' }
}

const OVERLAY: readonly SandboxStep[] = ['layer', 'workdir', 'overlay', 'root', 'proc']

export const rootfsProbes: readonly Probe[] = [
  {
    name: 'rootfs.proc',
    group: 'rootfs',
    title: 'a new /proc',
    required: true,
    how: 'One was mounted in a user and pid namespace.',
    cost: "Only share('pid') works: the sandbox then has the host's /proc.",
    attempt: () => askKernel('procfs'),
  },
  {
    name: 'rootfs.mount-attributes',
    group: 'rootfs',
    title: 'read-only binds',
    required: true,
    how: 'A copy of / was made read-only (open_tree, mount_setattr).',
    cost: "Only recipes with share('mount') work.",
    remedy: 'Use Linux 5.12 or later.',
    attempt: () => askKernel('mount-attributes'),
  },
  {
    name: 'rootfs.resolve-in-root',
    group: 'rootfs',
    title: 'safe lookups',
    required: true,
    how: 'A path was looked up by openat2(RESOLVE_IN_ROOT).',
    cost: "Only recipes with share('mount') work.",
    remedy: 'Use Linux 5.12 or later; in a container, let its seccomp filter permit openat2.',
    attempt: () => askKernel('resolve-in-root'),
  },
  {
    name: 'rootfs.overlay',
    group: 'rootfs',
    title: 'overlay, in memory',
    required: false,
    how: 'A sandbox was started on a layer.',
    cost: "rootfs() works only with mode 'writable'.",
    attempt: async (scratch) => askSandbox(layered(makeDirectory(scratch, 'layer')), OVERLAY),
  },
  {
    name: 'rootfs.upper',
    group: 'rootfs',
    title: 'overlay, on disk',
    required: false,
    how: 'A sandbox was started with an upper in the directory for temporary files.',
    cost: 'rootfs(layers, { upper }) takes a directory on another file system.',
    attempt: async (scratch) =>
      askSandbox(layered(makeDirectory(scratch, 'layer'), makeDirectory(scratch, 'upper/upper')), OVERLAY),
  },
  {
    name: 'rootfs.id-mapped',
    group: 'rootfs',
    title: 'idmapped layers',
    required: false,
    how: 'A sandbox was asked who owns /usr.',
    cost: 'Owners of files in a root show as 65534.',
    remedy: 'Keep root file systems on ext4, xfs, btrfs, or (Linux 6.3) tmpfs, with Linux 5.19 or later.',
    attempt: askIdMapped,
  },
]
