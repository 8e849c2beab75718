// Where a recipe chose less than full isolation: sentences for plan().warnings.

import type { CapabilityName } from './capabilities.js'
import type { HostFacts } from './host-facts.js'
import { hasOwnInitId } from './identity.js'
import type { PlanHierarchy, PlanIdentity } from './plan-types.js'
import type { Recipe } from './recipe.js'

/** What each shared namespace gives away. */
const SHARED = {
  user: "user: the command has the caller's own ids.",
  mount: "mount: mounts are the host's.",
  pid: "pid: the host's processes can be seen, and signalled where ids allow it.",
  net: "net: the host's network can be used, abstract sockets and services on loopback included.",
  ipc: "ipc: the host's System V and POSIX message queues, semaphores and shared memory can be reached.",
  uts: "uts: the host's name can be seen.",
  cgroup: "cgroup: paths in /proc/self/cgroup show the host's layout.",
  time: undefined,
} as const

// What the command can do to its init, which keeps its limits; see ARCHITECTURE.md for what protects it otherwise.
function initWarnings(recipe: Recipe, facts: HostFacts, identity: PlanIdentity): string[] {
  const own = (name: keyof typeof SHARED) => recipe.namespaces.includes(name)
  const keeps = (...names: CapabilityName[]) => names.some((name) => recipe.capabilities.includes(name))
  const apart = hasOwnInitId(facts, identity)
  const { scope } = recipe.landlock ?? {}
  const found: string[] = []
  // Any Landlock rules keep it from that. An image that init itself may not read does, too (init_image.cc): root's.
  if (keeps('sys_ptrace') && !recipe.landlock && !(facts.privileged && own('user'))) {
    found.push(
      'With sys_ptrace kept the command can trace its init, and get rid of its limits and its filter: any rules of landlock() keep it from that.',
    )
  }
  if (!own('pid') && !scope?.includes('signal') && (!apart || keeps('kill', 'setuid'))) {
    found.push(
      "Without a pid namespace of its own the command can stop and end its init, since it has init's id or a capability for it: wallTime and " +
        "cpuTime are then not kept. landlock({ scope: ['signal'] }) keeps it from that.",
    )
  }
  if (!apart && (recipe.seccomp.kind === 'off' || !own('pid'))) {
    found.push(
      "The command has its init's id, and can slow it down and set limits on it: wallTime and cpuTime may be kept late. " +
        (own('pid')
          ? "A filter other than seccomp('off') keeps it from that."
          : 'A pid namespace of its own keeps it from that.'),
    )
  }
  if (apart && keeps('setuid', 'sys_nice', 'sys_resource')) {
    found.push(
      'The capabilities that are kept (setuid, sys_nice, sys_resource) let the command slow its init down, or set limits on it: wallTime and cpuTime may be kept late.',
    )
  }
  return found
}

/** The warnings of a recipe for this caller. */
export function planWarnings(
  recipe: Recipe,
  facts: HostFacts,
  identity: PlanIdentity,
  cgroups: readonly PlanHierarchy[] = [],
): string[] {
  const own = (name: keyof typeof SHARED) => recipe.namespaces.includes(name)
  const warnings: string[] = []
  for (const [name, sentence] of Object.entries(SHARED)) {
    if (sentence && !own(name as keyof typeof SHARED)) warnings.push(`Shared with the host, ${sentence}`)
  }
  if (!own('user') && facts.privileged) {
    warnings.push(
      "The command runs as the host's root, though without capabilities that were not kept: files of root are its own, those of its own control groups included.",
    )
  }
  if (!own('mount')) {
    if (!recipe.rootfs)
      warnings.push("The command runs in the host's root: all files that its ids can reach are open to it.")
    else warnings.push('chroot(2) is no wall against a process with CAP_SYS_CHROOT or with a descriptor from outside.')
    if (own('pid'))
      warnings.push("/proc is the host's, while the process ids are the sandbox's: tools that read it are misled.")
  }
  if (recipe.capabilities.length > 0) {
    const where = own('user') ? 'inside its own user namespace' : 'on the host itself'
    warnings.push(`Kept capabilities (${recipe.capabilities.join(', ')}) hold ${where}.`)
  }
  if (recipe.seccomp.kind === 'off') {
    warnings.push(
      'There is no filter of system calls: every one of the kernel can be made, and every defect in them met.',
    )
  }
  if (recipe.landlock?.truncate === 'unrestricted') {
    warnings.push('Files can be truncated wherever their mode permits it, not only where landlock() permits to write.')
  }
  const { connectTcp, bindTcp } = recipe.landlock ?? {}
  if (recipe.seccomp.kind === 'off' && (connectTcp || bindTcp)) {
    warnings.push(
      'Without a filter of system calls, sockets of MPTCP and TCP Fast Open get round connectTcp and bindTcp of landlock().',
    )
  }
  if (bindTcp && !bindTcp.includes(0) && !own('net')) {
    warnings.push('The command can still listen at a TCP port that the kernel chooses: bindTcp is not asked for those.')
  }
  if (recipe.user?.uid === 0 && facts.privileged) {
    warnings.push(
      "The command is root inside: it can read files of the host's root that are in the rootfs, whatever their mode.",
    )
  }
  if (identity.denySetgroups) {
    warnings.push(
      "The caller's supplementary groups are kept: only root may drop them in a user namespace (user_namespaces(7)).",
    )
  }
  // The filters of the package refuse namespaces within, unless CAP_SYS_ADMIN is kept; what a profile does is not known.
  const nests =
    recipe.seccomp.kind === 'off' || recipe.seccomp.kind === 'profile' || recipe.capabilities.includes('sys_admin')
  const limited = cgroups.some(({ limits }) => limits.length > 0)
  if (!facts.privileged && identity.hostUid === facts.uid && limited && nests) {
    warnings.push(
      'The control groups belong to the caller, who is the command on the host: in a user namespace of its own it can mount them, ' +
        "and raise its limits. subordinateIds('always', { callerId }) with an id that is not the command's keeps it from that.",
    )
  }
  warnings.push(...initWarnings(recipe, facts, identity))
  for (const mount of recipe.mounts) {
    if (mount.kind === 'bind' && mount.writable)
      warnings.push(`${mount.source} can be written from inside, at ${mount.target}.`)
  }
  return warnings
}
