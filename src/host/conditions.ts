// What on a host can be the cause of a refusal: read from /proc, /sys and a few marker files below a directory that is
// `/`, or a test's own. A file that cannot be read says nothing; reading never throws.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ContainerKind, detectContainer } from './container.js'

/** Switches and circumstances by which a kernel or an administrator refuses sandboxes. */
export interface HostConditions {
  /** `uname -r`; empty when it cannot be read. */
  readonly kernelRelease: string
  /** Major and minor version; `undefined` when the release says none. */
  readonly kernelVersion: readonly [major: number, minor: number] | undefined
  /** AppArmor keeps processes without a profile from having rights in a user namespace (Ubuntu 23.10 and later). */
  readonly apparmorRestrictsUserns: boolean
  /** `kernel.apparmor_restrict_unprivileged_userns`; `undefined` on kernels without it. */
  readonly apparmorSetting: number | undefined
  /** `kernel.unprivileged_userns_clone` (Debian, Arch); `undefined` on kernels without it. */
  readonly unprivilegedUsernsClone: number | undefined
  /** `user.max_*_namespaces` of this user namespace, by the names of `namespaces()`. */
  readonly maxNamespaces: Readonly<Record<string, number>>
  /** `vm.memfd_noexec` of this pid namespace; `undefined` before Linux 6.3. */
  readonly memfdNoexec: number | undefined
  /** Whether a seccomp filter is on this process: what a container runtime or systemd has put there. */
  readonly seccompFilter: boolean
  /** Whether this process is root in its user namespace. */
  readonly root: boolean
  /** Whether this process has CAP_SYS_ADMIN in its user namespace. */
  readonly sysAdmin: boolean
  /** Whether this process has CAP_SETUID and CAP_SETGID in its user namespace. */
  readonly setIds: boolean
  /** Whether this process's files in `/proc` are its own: not after it has changed its user id (`PR_SET_DUMPABLE`). */
  readonly dumpable: boolean
  /** Whether the root directory is no mount point: only a `chroot(2)` makes it so. */
  readonly chrooted: boolean
  /** What is mounted over parts of `/proc`, which forbids a new procfs to a user namespace. */
  readonly coveredProc: readonly string[]
  /** Kinds of namespaces that this kernel has, by the names of `/proc/self/ns`. */
  readonly namespaces: readonly string[]
  /** Whether the kernel has overlayfs built in or loaded; `undefined` when it cannot be read. */
  readonly overlayKnown: boolean | undefined
  /** The ids of this user namespace, as in `/proc/self/uid_map`: first id inside and how many. */
  readonly ids: readonly (readonly [first: number, count: number])[]
  /** The container this process seems to be in; `undefined` when nothing tells of one. */
  readonly container: ContainerKind | undefined
}

const CAP_SETGID = 6n
const CAP_SETUID = 7n
const CAP_SYS_ADMIN = 21n

/** The text of a file below `root`, without the line end; `undefined` when it cannot be read. */
export function readText(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8').trim()
  } catch {
    return undefined
  }
}

function readNumber(root: string, path: string): number | undefined {
  const text = readText(root, path)
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

function readNames(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path))
  } catch {
    return []
  }
}

function parseVersion(release: string): [number, number] | undefined {
  const match = /^(\d+)\.(\d+)/.exec(release)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

const KINDS = {
  user: 'user',
  mnt: 'mount',
  pid: 'pid',
  net: 'net',
  ipc: 'ipc',
  uts: 'uts',
  cgroup: 'cgroup',
  time: 'time',
}

function maxNamespaces(root: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [file, name] of Object.entries(KINDS)) {
    const value = readNumber(root, `proc/sys/user/max_${file}_namespaces`)
    if (value !== undefined) found[name] = value
  }
  return found
}

function effectiveUid(status: string): string | undefined {
  return /^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1]
}

function isDumpable(root: string, status: string): boolean {
  const effective = effectiveUid(status)
  try {
    return effective === undefined || statSync(join(root, 'proc/self/status')).uid === Number(effective)
  } catch {
    return true
  }
}

/** Mount points, unescaped enough to be compared: the paths looked for have no blanks. */
function mountPoints(root: string): string[] | undefined {
  return readText(root, 'proc/self/mountinfo')
    ?.split('\n')
    .map((line) => line.split(' ')[4] ?? '')
}

function statusField(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
}

function idRanges(root: string): [number, number][] {
  const lines = (readText(root, 'proc/self/uid_map') ?? '').split('\n').map((line) => line.trim().split(/\s+/))
  return lines.filter((fields) => fields.length === 3).map(([first, , count]) => [Number(first), Number(count)])
}

function kernelNamespaces(root: string): string[] {
  return readNames(root, 'proc/self/ns').filter((name) => {
    try {
      return !name.endsWith('_for_children') && readlinkSync(join(root, 'proc/self/ns', name)) !== ''
    } catch {
      return true
    }
  })
}

/**
 * Reads them.
 *
 * @param root the directory that stands for `/`
 * @default '/'
 */
export function readConditions(root = '/'): HostConditions {
  const release = readText(root, 'proc/sys/kernel/osrelease') ?? ''
  const status = readText(root, 'proc/self/status') ?? ''
  const capabilities = BigInt(`0x${statusField(status, 'CapEff') || '0'}`)
  const has = (capability: bigint) => ((capabilities >> capability) & 1n) === 1n
  const points = mountPoints(root)
  const apparmorSetting = readNumber(root, 'proc/sys/kernel/apparmor_restrict_unprivileged_userns')
  const filesystems = readText(root, 'proc/filesystems')
  return Object.freeze({
    kernelRelease: release,
    kernelVersion: parseVersion(release),
    apparmorRestrictsUserns: apparmorSetting === 1,
    apparmorSetting,
    unprivilegedUsernsClone: readNumber(root, 'proc/sys/kernel/unprivileged_userns_clone'),
    maxNamespaces: maxNamespaces(root),
    memfdNoexec: readNumber(root, 'proc/sys/vm/memfd_noexec'),
    seccompFilter: statusField(status, 'Seccomp') === '2',
    root: effectiveUid(status) === '0',
    sysAdmin: has(CAP_SYS_ADMIN),
    setIds: has(CAP_SETUID) && has(CAP_SETGID),
    dumpable: isDumpable(root, status),
    chrooted: points !== undefined && points.length > 0 && !points.includes('/'),
    coveredProc: (points ?? []).filter(
      (point) => point.startsWith('/proc/') && !point.startsWith('/proc/sys/fs/binfmt_misc'),
    ),
    namespaces: kernelNamespaces(root),
    overlayKnown: filesystems === undefined ? undefined : /\boverlay$/m.test(filesystems),
    ids: idRanges(root),
    container: detectContainer(root),
  })
}

/** Whether the kernel is older than a version; false when it is not known. */
export function olderThan({ kernelVersion }: HostConditions, major: number, minor: number): boolean {
  if (!kernelVersion) return false
  return kernelVersion[0] < major || (kernelVersion[0] === major && kernelVersion[1] < minor)
}
