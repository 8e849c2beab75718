// Interfaces of the kernel that attacks begin with, foreign system calls, and terminals.
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { firstText } from '../../support/boxes.js'
import { type Need, root } from '../../support/host.js'
import { attackProgram } from '../../support/probe.js'
import { type Attack, type Control, type Play, verdictOfEnd } from '../attack.js'
import { hostProcess, inside } from '../stage.js'

const x86: Need = () => (process.arch === 'x64' ? undefined : 'needs x86_64, for its other ABIs')

const legacyTiocsti: Need = () => {
  try {
    const allowed = readFileSync('/proc/sys/dev/tty/legacy_tiocsti', 'utf8').trim() === '1'
    return allowed ? undefined : 'needs a kernel that lets terminals be typed into (dev.tty.legacy_tiocsti)'
  } catch {
    return undefined // before 6.2 every kernel did
  }
}

const UNFILTERED: Control = { how: 'without a filter', weaken: (recipe) => recipe.seccomp('off') }

/** The program's stdin is a terminal of which it can become the owner, and which others will read from. */
const atTerminal =
  (request: string): Play =>
  async ({ t, recipe }) => {
    const holder = hostProcess(t, attackProgram(), 'terminal')
    const path = (await firstText(holder.stdout, '\n')).trim()
    const terminal = openSync(path, constants.O_RDWR | constants.O_NOCTTY)
    try {
      const child = await recipe.spawn('/attack', ['type-into-terminal', request], {
        stdin: terminal,
        stderr: 'ignore',
      })
      const stdout = await firstText(child.stdout)
      return verdictOfEnd(await child.wait(), stdout)
    } finally {
      closeSync(terminal)
    }
  }

const TERMINALS: readonly Attack[] = ['0x5412', '0x100005412', '0xffffffff00005412'].map((request) => ({
  name:
    request === '0x5412'
      ? 'CVE-2017-5226: typing into the terminal of the caller'
      : `CVE-2019-10063: the same with bits above the request's own, ${request}`,
  wall: 'seccomp compares the low 32 bits of the request; the command has a session without a terminal',
  play: atTerminal(request),
  expect: { default: 'ioctl: EPERM', strict: 'ioctl: ENOTTY' },
  control: UNFILTERED,
  needs: [legacyTiocsti],
}))

const byFilter = (call: string, forbidden = `violation ${call}`) => ({
  default: forbidden,
  strict: `violation ${call}`,
})

export const KERNEL: readonly Attack[] = [
  ...TERMINALS,
  {
    name: 'a nested user namespace by unshare',
    wall: 'seccomp',
    play: inside('nested-unshare'),
    expect: byFilter('unshare', 'unshare: EPERM'),
    control: UNFILTERED,
  },
  {
    name: 'a nested user namespace by clone',
    wall: 'seccomp examines the flags',
    play: inside('nested-clone'),
    expect: byFilter('clone', 'clone: EPERM'),
    control: UNFILTERED,
  },
  {
    name: 'a nested user namespace by clone3, whose flags no filter sees',
    wall: 'seccomp answers as a kernel without clone3',
    play: inside('nested-clone3'),
    expect: { default: 'clone3: ENOSYS', strict: 'clone3: ENOSYS' },
    control: UNFILTERED,
  },
  {
    name: 'entering a namespace',
    wall: 'seccomp',
    play: inside('enter-namespace'),
    expect: byFilter('setns'),
    control: UNFILTERED,
  },
  {
    name: 'io_uring',
    wall: 'seccomp answers as a kernel without it',
    play: inside('io-uring'),
    expect: { default: 'io_uring_setup: ENOSYS', strict: 'io_uring_setup: ENOSYS' },
    control: UNFILTERED,
  },
  {
    name: 'bpf',
    wall: 'seccomp; without it the kernel wants CAP_BPF of the first user namespace',
    play: inside('bpf'),
    expect: { ...byFilter('bpf'), off: 'bpf: EPERM' },
    control: {
      how: 'as root of the host with that capability',
      weaken: (recipe) => recipe.share('user').capabilities('bpf', 'sys_admin'),
      needs: [root],
    },
  },
  {
    name: 'userfaultfd',
    wall: 'seccomp',
    play: inside('userfaultfd'),
    expect: byFilter('userfaultfd'),
    control: UNFILTERED,
  },
  {
    name: 'loading a kernel module',
    wall: 'seccomp; without it CAP_SYS_MODULE of the first user namespace is missing',
    play: inside('module'),
    expect: { ...byFilter('init_module'), off: /^init_module: (EPERM|ENOSYS)$/ },
    control: { impossible: 'to show it a control would have to be let load modules into the kernel of this machine' },
  },
  {
    name: 'system calls of i386 by int 0x80',
    wall: 'seccomp knows the architecture of a call',
    play: inside('i386'),
    expect: { default: 'violation getpid of i386', strict: 'violation getpid of i386' },
    control: UNFILTERED,
    needs: [x86],
  },
  {
    name: 'system calls of x32',
    wall: 'seccomp knows their bit',
    play: inside('x32'),
    expect: { default: 'violation getpid of x32', strict: 'violation getpid of x32' },
    control: { impossible: 'kernels are built without x32 or start with it turned off, and answer ENOSYS' },
    needs: [x86],
  },
  {
    name: 'AF_VSOCK and other sockets that know no namespace',
    wall: 'seccomp allows families by name',
    play: inside('odd-sockets'),
    expect: byFilter('socket', 'socket: EAFNOSUPPORT'),
    control: UNFILTERED,
  },
]
