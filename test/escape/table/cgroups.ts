// Control groups, reached from inside.
import { cgroup2, root } from '../../support/host.js'
import { cgroupV1 } from '../../support/kinds.js'
import type { Attack } from '../attack.js'
import { inside } from '../stage.js'

export const CGROUPS: readonly Attack[] = [
  {
    name: 'CVE-2022-0492: release_agent of a hierarchy mounted in a nested user namespace',
    wall: 'seccomp; without it the kernel (5.17) wants root of the first user namespace',
    play: inside('release-agent nested'),
    expect: {
      default: 'unshare: EPERM',
      strict: 'violation unshare',
      off: /^(mount|open): \w+(, (mount|open): \w+)*$/,
    },
    control: {
      how: 'as root of the host with CAP_SYS_ADMIN',
      weaken: (recipe) => recipe.share('user', 'cgroup').capabilities('sys_admin'),
      play: inside('release-agent here'),
      needs: [root],
      only: [cgroupV1],
    },
  },
  {
    name: "writing to one's own control group",
    wall: 'no control groups are mounted, and the filter forbids to mount them; the groups belong to root of the host',
    play: inside('cgroupfs nested'),
    expect: {
      default: '/sys/fs/cgroup: ENOENT, unshare: EPERM',
      strict: 'violation unshare',
      off: '/sys/fs/cgroup: ENOENT, open: EACCES',
    },
    control: {
      how: 'as root of the host with CAP_SYS_ADMIN',
      weaken: (recipe) => recipe.share('user', 'cgroup').capabilities('sys_admin'),
      play: inside('cgroupfs here'),
    },
    needs: [root, cgroup2],
  },
]
