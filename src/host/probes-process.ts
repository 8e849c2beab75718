// Probes of what a process is started with, and of what it may ask for afterwards.

import { accessSync, constants, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { nativeBinding } from '../binding.js'
import { RELEASES } from '../landlock/rights.js'
import { askKernel, type Finding, type Probe, refused, works } from './probe.js'

const NEWER = 'Use a newer kernel; in a container or under systemd, let its seccomp filter permit the call.'

/** Whether the addon can be loaded: nothing else can be tried without it. */
export const addonProbe: Probe = {
  name: 'addon',
  group: 'process',
  title: 'native addon',
  required: true,
  how: 'It was loaded.',
  cost: 'No sandbox starts.',
  attempt() {
    try {
      nativeBinding()
      return works()
    } catch (error) {
      return { ...refused(error), works: false, detail: (error as Error).message.split('\n')[0] }
    }
  },
}

export const processProbes: readonly Probe[] = [
  addonProbe,
  {
    name: 'clone3',
    group: 'process',
    title: 'clone3',
    required: true,
    how: 'A process was started by it.',
    cost: 'No sandbox starts. clone(2) is no way around it: it cannot make a time namespace, nor start in a cgroup.',
    remedy: 'Use Linux 5.12 or later.',
    attempt: () => askKernel('clone3'),
  },
  {
    name: 'clone-into-cgroup',
    group: 'process',
    title: 'CLONE_INTO_CGROUP',
    required: false,
    how: 'clone3 was asked whether it knows the flag.',
    cost: 'Commands are moved into their cgroup v2 before they are executed, which takes some 10 ms on an idle host.',
    remedy: 'Use Linux 5.12 or later (the flag: 5.7).',
    attempt: () => askKernel('clone-into-cgroup'),
  },
  {
    name: 'close-range',
    group: 'process',
    title: 'close_range',
    required: false,
    how: 'It was called.',
    cost: 'Descriptors are closed one by one, as /proc lists them.',
    remedy: NEWER,
    attempt: () => askKernel('close-range'),
  },
  {
    name: 'pidfd',
    group: 'process',
    title: 'pidfds',
    required: true,
    how: 'A process was started with one, and ended by it.',
    cost: 'The end of a sandbox could not be waited for.',
    remedy: NEWER,
    attempt: () => askKernel('pidfd'),
  },
  {
    name: 'memfd-exec',
    group: 'process',
    title: 'execution from memory',
    required: false,
    how: 'A program was executed from a memfd.',
    cost: "The sandbox's init is executed from an unlinked temporary file, which takes TMPDIR without noexec.",
    remedy: 'Permit it: `sudo sysctl -w vm.memfd_noexec=0`.',
    attempt() {
      const { remedy: _, ...finding } = askKernel('memfd-exec')
      return finding
    },
  },
]

function hasRange(file: string, names: readonly string[]): boolean {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => names.includes(line.split(':')[0] ?? '') && Number(line.split(':')[2]) > 0)
  } catch {
    return false
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '/usr/bin:/bin').split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function subordinateIds(): Finding {
  const uid = process.geteuid?.() ?? 0
  if (uid === 0) return works('Root needs none: it maps 65536 ids by itself.')
  let name = String(uid)
  try {
    name = userInfo().username
  } catch {
    // A user without a name, as in many containers.
  }
  const missing = [
    ...['newuidmap', 'newgidmap'].filter((program) => !onPath(program)),
    ...['/etc/subuid', '/etc/subgid']
      .filter((file) => !hasRange(file, [name, String(uid)]))
      .map((file) => `a range in ${file}`),
  ]
  if (missing.length === 0) return works('They are there. This version maps one id all the same.')
  return { works: false, detail: `Missing: ${missing.join(', ')}.` }
}

/** What a version of Landlock's ABI can do, and what it cannot. */
function describeLandlock(version: number): string {
  const kinds = [
    [2, 'reading and execution'],
    [3, 'writing'],
    [4, 'TCP ports'],
    [5, 'ioctl of devices'],
    [6, 'signals and abstract sockets'],
  ] as const
  const known = kinds.filter(([needed]) => needed <= version).map(([, what]) => what)
  const missing = kinds.filter(([needed]) => needed > version)
  const lacks = missing.map(([needed, what]) => `${what} needs Linux ${RELEASES[needed]}`).join(', ')
  const has = known.length > 0 ? `: ${known.join(', ')}` : ''
  return `Version ${version}${has}.${lacks ? ` More: ${lacks}.` : ''}`
}

export const privilegeProbes: readonly Probe[] = [
  {
    name: 'seccomp',
    group: 'privileges',
    title: 'seccomp filters',
    required: false,
    how: 'A filter was installed.',
    cost: 'System calls cannot be filtered.',
    remedy: 'Use a kernel with CONFIG_SECCOMP_FILTER, 4.14 or later.',
    attempt: () => askKernel('seccomp-filter'),
  },
  {
    name: 'landlock',
    group: 'privileges',
    title: 'Landlock',
    required: false,
    how: 'A process restricted itself to one directory, and could open no other.',
    cost: 'No landlock().',
    remedy: 'Use a kernel with CONFIG_SECURITY_LANDLOCK (5.19), and boot it with landlock in its lsm= parameter.',
    attempt: () => askKernel('landlock', describeLandlock),
  },
  {
    name: 'subordinate-ids',
    group: 'privileges',
    title: 'subordinate ids',
    required: false,
    how: 'newuidmap, newgidmap, /etc/subuid and /etc/subgid were looked for.',
    cost: 'One id can be mapped, the own: files of others belong to nobody inside.',
    remedy:
      'Install them and add a range: `sudo apt-get install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER"`. Or run as root.',
    attempt: subordinateIds,
  },
]
