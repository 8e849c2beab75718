// Kinds of hosts, for tests whose subject only one kind has: what cgroup v1 cannot do, what a kernel before 6.2 answers.
// Unlike a need (host.ts) a kind is no capability that may be missing: it is told by the mount table and the kernel's
// release alone, never by trying, so that no failure can look like the other kind. A test of the other kind is neither
// run nor skipped but told apart, and each kind is run by CI: cgroup v1 on its machine, v2 in test/vm.
import { release } from 'node:os'
import { cgroupMounts } from './host.js'

/** Why this host is not of the kind, or `undefined`. */
export type Kind = () => string | undefined

/** Hosts whose memory controller is on cgroup v1, with a v2 hierarchy beside it or not. */
export const cgroupV1: Kind = () => (memoryIsOnV1() ? undefined : 'for hosts with cgroup v1 controllers')

/** Hosts with cgroup v2 and nothing else. */
export const cgroupV2: Kind = () => (memoryIsOnV1() ? 'for hosts with cgroup v2 alone' : undefined)

/** Kernels from this release on. */
export const kernelFrom =
  (major: number, minor: number): Kind =>
  () =>
    isFrom(major, minor) ? undefined : `for Linux ${major}.${minor} and later`

/** Kernels before this release. */
export const kernelBefore =
  (major: number, minor: number): Kind =>
  () =>
    isFrom(major, minor) ? `for Linux before ${major}.${minor}` : undefined

/**
 * Kernels whose tmpfs has user extended attributes. There overlayfs, in a user namespace, notes that a directory hides what
 * is below it: without them no directory of a layer can be deleted or replaced on top of a layer in memory.
 */
export const userXattrsInMemory = kernelFrom(6, 6)

/** A machine that is the tests' own, so that its settings may be changed: that of `npm run test:vm`, which says so. */
export const ownMachine: Kind = () =>
  process.env.COFFERDAM_VM === '1' ? undefined : 'for the virtual machine of npm run test:vm'

function memoryIsOnV1(): boolean {
  return cgroupMounts().some(({ type, options }) => type === 'cgroup' && options.includes('memory'))
}

function isFrom(major: number, minor: number): boolean {
  const [, ownMajor, ownMinor] = /^(\d+)\.(\d+)/.exec(release()) ?? []
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor)
}
