// From a failed step to an error that says what to do: the step, its record's path, the errno, and known causes.

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { Subject } from './encode/writer.js'
import { SandboxSetupError, SandboxUnsupportedError } from './errors.js'
import type { SandboxStep } from './steps.js'

/** A failed step as the native side reports it. */
export interface Failure {
  readonly step: SandboxStep
  readonly index: number
  readonly errno: number
  readonly subject: Subject | undefined
  /** What a program said that failed for us. */
  readonly said?: string | undefined
}

type Rule = readonly [steps: readonly SandboxStep[], codes: readonly string[], hint: string]

const USER_NAMESPACES =
  'The host restricts user namespaces. On Ubuntu 24.04 allow them for node with an AppArmor profile, or set ' +
  'kernel.apparmor_restrict_unprivileged_userns=0; elsewhere look at user.max_user_namespaces and ' +
  'kernel.unprivileged_userns_clone; in a container its seccomp profile must permit clone3 and mount. Root works, too.'

const MAP_WRITERS =
  'The ids must be granted to this user in /etc/subuid and /etc/subgid, and newuidmap and newgidmap must be set-user-id root ' +
  "and on a mount without nosuid. subordinateIds('never') does without them, with one id inside."

const HOST_STEPS: readonly SandboxStep[] = [
  'request',
  'cgroup',
  'cgroup-limit',
  'stdio',
  'layer',
  'bind-source',
  'workdir',
  'init-image',
  'channel',
  'clone',
  'id-map',
  'clock-offset',
  'exec-init',
  'plan',
]
const MOUNT_STEPS: readonly SandboxStep[] = [
  'private-mounts',
  'stage',
  'overlay',
  'root',
  'proc',
  'tmpfs',
  'devpts',
  'mqueue',
  'bind',
  'switch',
]

// The first rule that fits is the hint.
const RULES: readonly Rule[] = [
  [
    ['exec'],
    ['ENOENT'],
    'No such program in the sandbox: is it in the rootfs, or bound there? A script or a dynamic program also needs its interpreter.',
  ],
  [
    ['exec'],
    ['EACCES'],
    "The file is not executable, or a directory on its way cannot be searched by the sandbox's user.",
  ],
  [
    ['exec'],
    ['ENOEXEC'],
    'The file is no program for this machine: wrong architecture, or a script without a #! line.',
  ],
  [['exec'], ['E2BIG'], 'The arguments and the environment together are too long.'],
  [
    ['exec'],
    ['ENOTDIR', 'ELOOP'],
    'Look at the path inside the sandbox: a part of it is not a directory, or links go round.',
  ],
  [
    HOST_STEPS,
    ['EMFILE'],
    'This process has no descriptors left: raise its limit (ulimit -n), or run fewer sandboxes at once.',
  ],
  [HOST_STEPS, ['ENFILE'], 'The host has no descriptors left (fs.file-max).'],
  [
    ['clone', 'start'],
    ['EAGAIN'],
    "No more processes can be made: look at ulimit -u, and at the caller's own pids.max.",
  ],
  [['clone'], ['ENOSPC', 'EUSERS'], 'A limit on namespaces is reached: look at /proc/sys/user/max_*_namespaces.'],
  [['clone', 'id-map'], ['EPERM', 'EACCES'], USER_NAMESPACES],
  [
    ['clone'],
    ['EINVAL', 'ENOSYS'],
    'The kernel does not know one of the namespaces, or lacks clone3 (Linux 5.7 or later is needed).',
  ],
  [
    ['exec-init', 'init-image'],
    ['EACCES', 'EPERM'],
    'The host forbids executing from memory (vm.memfd_noexec), and no other place to execute from was found.',
  ],
  [['identity'], ['EPERM', 'EINVAL'], USER_NAMESPACES],
  [
    ['layer'],
    ['EINVAL', 'EOPNOTSUPP'],
    'Its file system does not support id-mapped mounts (Linux 5.12; per file system): use another, or share the user namespace.',
  ],
  [
    ['layer', 'bind-source'],
    ['ENOENT'],
    'It does not exist on the host; bind() with { optional: true } skips what is missing.',
  ],
  [
    ['layer', 'bind-source', 'bind'],
    ['EACCES'],
    'The caller, or its user inside the sandbox, may not search a directory on the way to it.',
  ],
  [
    ['bind', 'tmpfs', 'file', 'symlink'],
    ['EEXIST', 'ELOOP', 'ENOTDIR', 'EISDIR'],
    'What is at the target does not fit: a link that leads nowhere or round, a file for a directory or the other way round.',
  ],
  [
    ['workdir'],
    ['EACCES', 'EROFS'],
    "Overlay's work directory is made beside the upper directory, which must be writable there.",
  ],
  [['workdir'], ['EBUSY'], 'Another sandbox that is still running has the same upper directory.'],
  [['overlay'], ['ELOOP'], 'No layer, the upper one included, may be the same directory as another or lie in another.'],
  [
    ['overlay'],
    ['EINVAL', 'ENODEV', 'EPERM'],
    'overlayfs refused the layers: on id-mapped layers it needs Linux 5.19, without root Linux 5.11, and an upper on a file system with user xattrs.',
  ],
  [
    ['switch'],
    ['EINVAL'],
    "The current root cannot be pivoted (an initramfs): use rootfs(dir, { switch: 'switch_root' }).",
  ],
  [
    MOUNT_STEPS,
    ['EPERM', 'EACCES'],
    'The kernel refused a mount: in a container its seccomp or AppArmor profile must permit mounts.',
  ],
  [['mask'], ['ENOENT'], 'The path is not in the sandbox.'],
  [['rlimit'], ['EPERM'], "The limit is above this process's own hard limit (ulimit -H)."],
  [['nice'], ['EACCES', 'EPERM'], 'A nice value below 0 needs rights of the caller (RLIMIT_NICE).'],
  [
    ['cgroup', 'cgroup-limit', 'cgroup-join'],
    ['EACCES', 'EPERM', 'EROFS'],
    'Have a cgroup delegated to this user: systemd-run --user --pipe --wait -p Delegate=yes -p DelegateSubgroup=main node app.js.',
  ],
  [
    ['cgroup', 'cgroup-limit'],
    ['EBUSY'],
    'Controllers cannot be enabled in a group that has processes: start this process in a leaf of its group.',
  ],
  [
    ['cgroup-limit'],
    ['EINVAL', 'ERANGE', 'ENODEV', 'ENOSPC'],
    'The kernel refused the value: CPUs and disks must be ones that this host, and the group of this process, have.',
  ],
  [['stdio'], ['EBADF'], 'The descriptor was not open.'],
]

// libuv's table has only the errors that libuv itself meets: ENOEXEC is not among them.
function describeErrno(errno: number): readonly [code: string, description: string] {
  const known = getSystemErrorMap().get(-errno)
  if (known) return known
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0]
  return [name ?? `E${errno}`, name === 'ENOEXEC' ? 'exec format error' : `errno ${errno}`]
}

/** The error of a failed step; a cgroup file that the kernel lacks is a missing feature rather. */
export function setupError({
  step,
  index,
  errno,
  subject,
  said,
}: Failure): SandboxSetupError | SandboxUnsupportedError {
  const [code, description] = describeErrno(errno)
  const feature = subject?.feature
  if (step === 'cgroup-limit' && code === 'ENOENT' && feature !== undefined) {
    return new SandboxUnsupportedError(
      feature,
      `the kernel has no ${subject?.path} in its cgroups.`,
      'Leave the option out, or use a kernel that has it.',
    )
  }
  if (step === 'id-map' && said !== undefined) {
    return new SandboxSetupError({
      step,
      index,
      path: undefined,
      about: said,
      errno,
      code,
      description,
      hint: MAP_WRITERS,
    })
  }
  const rule = RULES.find(([steps, codes]) => steps.includes(step) && codes.includes(code))
  const hint =
    feature === 'cwd'
      ? 'The working directory has to exist in the sandbox, and its user has to be able to enter it.'
      : rule?.[2]
  const path = (step === 'bind-source' ? subject?.source : undefined) ?? subject?.path
  // A cgroup file says little without the option that it is written for.
  const about = step === 'cgroup-limit' && feature !== undefined ? `${feature} (${path})` : (path ?? feature)
  return new SandboxSetupError({ step, index, path, about, errno, code, description, hint })
}
