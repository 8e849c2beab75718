// What to do about a failed step, by its errno: the causes that need no look at the host (host/refusals.ts looks).

import { type SandboxStep, STEPS } from './steps.js'

type Rule = readonly [steps: readonly SandboxStep[], codes: readonly string[], hint: string]

const USER_NAMESPACES =
  'The host restricts user namespaces. On Ubuntu 24.04 allow them for node with an AppArmor profile, or set ' +
  'kernel.apparmor_restrict_unprivileged_userns=0; elsewhere look at user.max_user_namespaces and ' +
  'kernel.unprivileged_userns_clone; in a container its seccomp profile must permit clone3 and mount; a process in a chroot gets none. Root works, too.'

/** For newuidmap(1) and newgidmap(1), whose own words are the cause. */
export const MAP_WRITERS =
  'The ids must be granted to this user in /etc/subuid and /etc/subgid, and newuidmap and newgidmap must be set-user-id root ' +
  "and on a mount without nosuid. subordinateIds('never') does without them, with one id inside."

// Those of the addon, and init's reading of the plan.
const HOST_STEPS: readonly SandboxStep[] = STEPS.slice(0, STEPS.indexOf('plan') + 1)
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
    ['clock-offset'],
    ['EACCES'],
    'Clocks can be moved from Linux 6.2 on; before, a time namespace cannot be entered as late as by execve.',
  ],
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
    ['start'],
    ['EINTR'],
    'Its process was stopped again and again before it could execute, by another command of the box with the same user: those are not walled off from one another.',
  ],
  [
    ['clone', 'start'],
    ['EAGAIN'],
    "No more processes can be made: look at ulimit -u, and at the caller's own pids.max.",
  ],
  [['clone', 'id-map'], ['EPERM', 'EACCES'], USER_NAMESPACES],
  [
    ['clone'],
    ['EINVAL', 'ENOSYS'],
    'The kernel does not know one of the namespaces, or lacks clone3 (Linux 5.4 or later is needed).',
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
  [
    ['workdir', 'overlay', 'directory', 'file', 'symlink', 'bind', 'tmpfs', 'mask'],
    ['ENOSPC', 'EDQUOT'],
    'There is no space, or no inode, left: free some on the file system of the upper directory (df, df -i), or give the layer in memory more, rootfs(layers, { size }).',
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
  [
    ['session'],
    ['EDQUOT', 'ENOMEM'],
    'This user can make no more keyrings, and each sandbox has one of its own: raise kernel.keys.maxkeys (200 by default, for all users but root), or run fewer sandboxes at once.',
  ],
  [['mask'], ['ENOENT'], 'The path is not in the sandbox.'],
  [
    ['terminal'],
    ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTTY'],
    "The root has no /dev/ptmx with a devpts beside it: it is there in every recipe with a mount namespace of its own. A root that is only entered (switch: 'chroot') needs the host's /dev and /dev/pts mounted in it.",
  ],
  [
    ['terminal'],
    ['EACCES', 'EPERM', 'EIO', 'ENODEV'],
    "What the recipe has put over /dev or /dev/pts does not let the sandbox's user open a terminal there (a mode, or a mount without devices): leave /dev as the sandbox makes it.",
  ],
  [
    ['terminal'],
    ['ENOSPC'],
    'The host has no terminals left: raise kernel.pty.max (of which kernel.pty.reserve are kept for those outside of sandboxes), or run fewer at once.',
  ],
  [['rlimit'], ['EPERM'], "The limit is above this process's own hard limit (ulimit -H)."],
  [['nice'], ['EACCES', 'EPERM'], 'A nice value below 0 needs rights of the caller (RLIMIT_NICE).'],
  [
    ['cgroup', 'cgroup-limit', 'cgroup-join'],
    ['EROFS'],
    'The cgroup file system is mounted read-only: mount it writable (`mount -o remount,rw /sys/fs/cgroup`), which containers do with --privileged, podman with --security-opt unmask=/sys/fs/cgroup.',
  ],
  [
    ['cgroup', 'cgroup-join', 'clone', 'start'],
    ['ENOENT', 'ENODEV'],
    "The sandbox's cgroup was removed from outside while it was used: leave directories called cofferdam.* to the process that made them, and run it again.",
  ],
  [
    ['cgroup'],
    ['EAGAIN'],
    'A cgroup around this process permits no more groups: raise cgroup.max.descendants and cgroup.max.depth in it and in those above it, or run fewer sandboxes at once.',
  ],
  [
    ['cgroup'],
    ['ENOSPC', 'ENOMEM'],
    'The kernel can make no more cgroups (cgroup v1: 65535 in one hierarchy): remove some that nobody uses.',
  ],
  [
    ['clone', 'start'],
    ['EBUSY', 'EOPNOTSUPP'],
    'The cgroup takes no processes: somebody has enabled controllers for groups below it, or made it threaded. Leave directories called cofferdam.* to the process that made them.',
  ],
  [
    ['cgroup', 'cgroup-limit', 'cgroup-join'],
    ['EACCES', 'EPERM'],
    'Have a cgroup delegated to this user: `systemd-run --user --pipe --wait -p Delegate=yes -p DelegateSubgroup=main node app.js`.',
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
  [
    ['seccomp'],
    ['EINVAL', 'ENOSYS', 'EACCES'],
    "The kernel takes no filters of system calls (CONFIG_SECCOMP_FILTER; in a container its own seccomp profile must permit seccomp), or use seccomp('off') for programs that are trusted.",
  ],
  [
    ['seccomp'],
    ['ENOMEM'],
    'All filters of a process together are limited to 32768 instructions: this process is itself under long ones.',
  ],
  [
    ['channel'],
    ['EAGAIN', 'EPIPE'],
    'The init of the box does not read: it has been stopped or killed from outside. Close the box.',
  ],
  [
    ['landlock'],
    ['ENOENT', 'ENOTDIR'],
    'A path of landlock() has to exist in the sandbox when it has booted: is it in the rootfs, or bound there?',
  ],
  [
    ['landlock'],
    ['ELOOP'],
    'A path of landlock() leads through links that go round, or through one of /proc that is no plain link.',
  ],
  [
    ['landlock'],
    ['EAFNOSUPPORT'],
    'The kernel was built without TCP (CONFIG_INET): leave connectTcp and bindTcp out of landlock().',
  ],
  [
    ['landlock'],
    ['E2BIG'],
    'The kernel permits 16 rulesets one within another, and this process is under as many already.',
  ],
  [['stdio'], ['EBADF'], 'The descriptor was not open.'],
]

/** The hint for a failed step, or `undefined` when no cause is known. */
export function hintFor(step: SandboxStep, code: string): string | undefined {
  return RULES.find(([steps, codes]) => steps.includes(step) && codes.includes(code))?.[2]
}
