// The causes of refusals: each says, from a host's conditions, whether it is one, and what lifts it. When they are asked,
// the step has failed; which of them are asked for which step is in refusals.ts.

import type { SandboxStep } from '../steps.js'
import { type HostConditions, olderThan } from './conditions.js'
import { containerRemedy } from './container.js'

/** A cause and its remedy, each as sentences. */
export interface Refusal {
  readonly cause: string
  readonly remedy: string
}

/** What a refusal is explained from. */
export interface RefusedStep {
  readonly step: SandboxStep
  readonly code: string
  /** The path the step was about. */
  readonly path?: string | undefined
}

/** Whether it is the cause, and then what lifts it. */
export type Explain = (conditions: HostConditions, refused: RefusedStep) => Refusal | undefined

const PROFILE =
  // One line that can be copied; AppArmor 4 names the permission, and older ones do not restrict.
  "printf 'abi <abi/4.0>,\\nprofile cofferdam-node %s flags=(unconfined) { userns, }\\n' " +
  '"$(readlink -f "$(command -v node)")" | sudo tee /etc/apparmor.d/cofferdam-node && ' +
  'sudo apparmor_parser -r /etc/apparmor.d/cofferdam-node'

export const apparmor: Explain = ({ apparmorRestrictsUserns, sysAdmin }) =>
  apparmorRestrictsUserns && !sysAdmin
    ? {
        cause:
          'AppArmor restricts user namespaces to programs with a profile ' +
          '(kernel.apparmor_restrict_unprivileged_userns=1, the default of Ubuntu 23.10 and later).',
        remedy:
          `Give node a profile, and start it again: \`${PROFILE}\`. Or lift it for every program: ` +
          '`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`. Root is not restricted.',
      }
    : undefined

export const usernsClone: Explain = ({ unprivilegedUsernsClone, sysAdmin }) =>
  unprivilegedUsernsClone === 0 && !sysAdmin
    ? {
        cause: 'User namespaces are for root only on this host (kernel.unprivileged_userns_clone=0).',
        remedy: 'Permit them: `sudo sysctl -w kernel.unprivileged_userns_clone=1`. Or run as root.',
      }
    : undefined

export const maxNamespaces: Explain = ({ maxNamespaces: limits }) => {
  const none = Object.entries(limits).filter(([, limit]) => limit === 0)
  if (none.length === 0) {
    return {
      cause: 'A limit on the number of namespaces is reached, of this user or of a user namespace around it.',
      remedy:
        'Raise it: `sudo sysctl -w user.max_user_namespaces=65536`, and likewise for the other user.max_*_namespaces, ' +
        'on the host itself when this is a container; or run fewer sandboxes at once.',
    }
  }
  const files = none.map(([name]) => `user.max_${name === 'mount' ? 'mnt' : name}_namespaces`)
  return {
    cause: `The host permits no new ${none.map(([name]) => name).join(', ')} namespaces: ${files.join(', ')} ${files.length > 1 ? 'are' : 'is'} 0.`,
    remedy: `Permit them: \`sudo sysctl -w ${files.map((file) => `${file}=65536`).join(' ')}\`, where they were set to 0.`,
  }
}

export const oldKernel: Explain = (conditions) => {
  if (!olderThan(conditions, 5, 4)) return undefined
  return {
    cause: `Linux ${conditions.kernelRelease} is too old: sandboxes start by clone3 (5.3), and their ends are waited for by pidfds (5.4).`,
    remedy: 'Use Linux 5.12 or later.',
  }
}

export const missingNamespace: Explain = ({ namespaces, kernelRelease }) => {
  const all = {
    user: 'user',
    mnt: 'mount',
    pid: 'pid',
    net: 'net',
    ipc: 'ipc',
    uts: 'uts',
    cgroup: 'cgroup',
    time: 'time',
  }
  const missing = Object.entries(all).filter(([file]) => namespaces.length > 0 && !namespaces.includes(file))
  if (missing.length === 0) return undefined
  const names = missing.map(([, name]) => name)
  return {
    cause: `This kernel (${kernelRelease}) is built without ${names.join(', ')} namespaces (CONFIG_${names.map((name) => `${name.toUpperCase()}_NS`).join(', CONFIG_')}).`,
    remedy: `Use a kernel that has them, or do without: share(${names.map((name) => `'${name}'`).join(', ')}).`,
  }
}

export const filteredClone: Explain = ({ seccompFilter, container, kernelRelease }, { code }) =>
  seccompFilter
    ? {
        cause: `A seccomp filter around this process answers ${code} to clone3, or to new namespaces by it; the kernel (${kernelRelease}) has them.`,
        remedy: containerRemedy(container),
      }
    : undefined

export const chrooted: Explain = (conditions) =>
  conditions.chrooted
    ? {
        cause:
          'This process is in a chroot, and the kernel grants user namespaces to no process in one (user_namespaces(7)).',
        remedy:
          'Enter the directory by pivot_root(2) instead: unshare --mount, bwrap, systemd-nspawn and containers do.',
      }
    : undefined

// init's id is given cgroup.procs of its group: EINVAL where that id does not exist.
export const cgroupOwner: Explain = (conditions, refused) => smallIdMap({ ...conditions, setIds: true }, refused)

// As root a sandbox has 65536 ids from 100000 on: cofferdam's identity.ts.
export const smallIdMap: Explain = ({ root, ids, setIds }) => {
  if (!root) return undefined
  const mapped = ids.length === 0 || ids.some(([first, count]) => first <= 100_000 && first + count >= 165_536)
  if (!mapped) {
    return {
      cause:
        'This root is one of a user namespace in which the ids 100000 to 165535 do not exist (/proc/self/uid_map), and a sandbox of root needs them.',
      remedy:
        'Run as another user than root in it (only one id is needed then), or start the container without a user namespace (--userns=host).',
    }
  }
  if (setIds) return undefined
  return {
    cause: 'This process lacks CAP_SETUID or CAP_SETGID, without which only one id can be mapped.',
    remedy: 'Keep both (docker run --cap-add SETUID --cap-add SETGID), or run as another user than root.',
  }
}

export const undumpable: Explain = ({ dumpable }) =>
  dumpable
    ? undefined
    : {
        cause:
          'This process has changed its user id since it was started, and the kernel lets such a process write no id maps (PR_SET_DUMPABLE in prctl(2)).',
        remedy:
          'Start node as that user instead of calling process.setuid(): `setpriv --reuid=USER --regid=USER --init-groups node app.js`, or User= in a systemd unit.',
      }

export const coveredProc: Explain = ({ coveredProc: covered, container }) => {
  if (covered.length === 0) return undefined
  const some = covered.slice(0, 3).join(', ') + (covered.length > 3 ? ' and more' : '')
  const remedy =
    container === undefined
      ? `Unmount what covers it before node is started (\`umount ${covered[0]}\`). In a container: \`docker run --security-opt systempaths=unconfined\`, \`podman run --security-opt unmask=ALL\`, Kubernetes procMount: Unmasked with hostUsers: false.`
      : containerRemedy(container)
  return {
    cause: `Parts of /proc are masked here (${some}), and the kernel forbids a user namespace a new /proc that would show them.`,
    remedy,
  }
}

export const noOverlay: Explain = ({ overlayKnown }) =>
  overlayKnown === false
    ? {
        cause: 'This kernel has no overlayfs, or has not loaded it.',
        remedy: "Load it: `sudo modprobe overlay`. Or use one directory: rootfs(directory, { mode: 'writable' }).",
      }
    : undefined

export const oldOverlay: Explain = (conditions) =>
  olderThan(conditions, 5, 11)
    ? {
        cause: `Linux ${conditions.kernelRelease} permits overlayfs to root only; user namespaces may have it since 5.11.`,
        remedy: "Use Linux 5.12 or later, or one directory: rootfs(directory, { mode: 'writable' }).",
      }
    : undefined

export const noMountAttributes: Explain = (conditions) =>
  olderThan(conditions, 5, 12)
    ? {
        cause: `Linux ${conditions.kernelRelease} cannot make a mount read-only without mounting it (mount_setattr, 5.12).`,
        remedy: "Use Linux 5.12 or later, or share('mount').",
      }
    : undefined

export const filteredMount: Explain = ({ seccompFilter, container }, { step, code }) =>
  seccompFilter || container !== undefined
    ? {
        cause: `What confines this process (${seccompFilter ? 'a seccomp filter' : 'its container'}) answers ${code} to the mounts of step '${step}'.`,
        remedy: containerRemedy(container),
      }
    : undefined

export const filteredCall: Explain = ({ seccompFilter, container }, { step, code }) =>
  seccompFilter
    ? {
        cause: `A seccomp filter around this process answers ${code} to a call of step '${step}'.`,
        remedy: containerRemedy(container),
      }
    : undefined

// Without close_range (5.9) descriptors are closed one by one, as /proc lists them.
export const noCloseRange: Explain = (conditions, refused) =>
  filteredCall(conditions, refused) ?? {
    cause: `Linux ${conditions.kernelRelease} has no close_range (5.9), and without /proc the sandbox would inherit descriptors.`,
    remedy: 'Mount /proc, or use Linux 5.12 or later.',
  }

export const noexec: Explain = ({ memfdNoexec }) => ({
  cause:
    (memfdNoexec ?? 0) >= 2
      ? `Memory files may not be executed here (vm.memfd_noexec=${memfdNoexec}), and the directory for temporary files permits it neither.`
      : 'The host forbids executing from memory (a security module or a seccomp filter), and from the directory for temporary files, too.',
  remedy:
    'Let TMPDIR name a directory on a file system that is not mounted noexec' +
    ((memfdNoexec ?? 0) >= 2 ? ', or permit it: `sudo sysctl -w vm.memfd_noexec=0`.' : '.'),
})
