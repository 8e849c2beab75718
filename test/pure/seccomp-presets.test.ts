// The profiles 'default' and 'strict': each known call has been decided on, and the decisions are the documented ones.
import * as assert from 'uvu/assert'
import { CAPABILITIES } from '../../src/capabilities.js'
import { ABSENT, ALLOWED, DENIED, EXAMINED, FORBIDDEN } from '../../src/seccomp/default-profile.js'
import { filterOf, hostMachine } from '../../src/seccomp/filter.js'
import { type Architecture, describeCall, isSyscall, syscallNumbers } from '../../src/seccomp/tables.js'
import { suite } from '../support/suite.js'
import { type Asked, verdict } from './seccomp-ask.js'

const test = suite('seccomp presets')
const ARCHITECTURES: readonly Architecture[] = ['x86_64', 'aarch64']

const byDefault = (call: string, args: readonly (number | bigint)[] = [], asked: Asked = {}) =>
  verdict({ kind: 'default' }, call, args, asked)
const strictly = (call: string, args: readonly (number | bigint)[] = [], asked: Asked = {}) =>
  verdict({ kind: 'strict' }, call, args, asked)

const lists = {
  ALLOWED,
  ABSENT,
  EXAMINED,
  FORBIDDEN: FORBIDDEN.flatMap(({ names }) => names),
  DENIED: DENIED.flatMap(({ names }) => names),
}

test('every known call is in exactly one list, and every list has known calls only', () => {
  const all = Object.values(lists).flat()
  assert.equal(
    all.filter((name, i) => all.indexOf(name) !== i),
    [],
  )
  assert.equal(
    all.filter((name) => !isSyscall(name)),
    [],
  )
  for (const architecture of ARCHITECTURES) {
    const missing = [...syscallNumbers(architecture).keys()].filter((name) => !all.includes(name))
    assert.equal(missing, [], architecture)
  }
})

test('what a list says is what the filter answers, on both architectures', () => {
  for (const architecture of ARCHITECTURES) {
    const here = (names: readonly string[]) => names.filter((name) => syscallNumbers(architecture).has(name))
    const answers = (names: readonly string[]) => [
      ...new Set(here(names).map((name) => byDefault(name, [], { architecture }))),
    ]
    assert.equal(answers(lists.ALLOWED), ['allow'])
    assert.equal(answers(lists.FORBIDDEN), ['violation'])
    assert.equal(answers(lists.ABSENT), ['ENOSYS'])
    assert.equal(answers(lists.DENIED.filter((name) => !['clone', 'unshare'].includes(name))), ['EPERM'])
  }
})

test('each capability opens what it is for, and only that', () => {
  for (const { names, caps } of [...FORBIDDEN, ...DENIED]) {
    for (const name of names.filter((one) => syscallNumbers('x86_64').has(one))) {
      const open = CAPABILITIES.filter((cap) => byDefault(name, [0x7e020000], { capabilities: [cap] }) === 'allow')
      assert.equal(
        open,
        CAPABILITIES.filter((cap) => caps.includes(cap)),
        name,
      )
    }
  }
  assert.is(byDefault('clone3', [], { capabilities: ['sys_admin'] }), 'allow')
  assert.is(byDefault('io_uring_setup', [], { capabilities: [...CAPABILITIES] }), 'ENOSYS')
  assert.is(byDefault('keyctl', [], { capabilities: [...CAPABILITIES] }), 'violation')
})

test('processes and threads can be made, but no namespaces', () => {
  assert.is(byDefault('clone', [0x003d0f00]), 'allow', 'a thread')
  assert.is(byDefault('clone', [0x01200011]), 'allow', 'fork')
  assert.is(byDefault('clone', [0x4111]), 'allow', 'posix_spawn')
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.is(byDefault('clone', [flag | 0x11]), 'EPERM', flag.toString(16))
    assert.is(byDefault('unshare', [flag]), 'EPERM', flag.toString(16))
  }
  assert.is(byDefault('unshare', [0x80]), 'EPERM', 'CLONE_NEWTIME')
  assert.is(byDefault('unshare', [0x600]), 'allow', 'CLONE_FS | CLONE_FILES')
})

test('what types into a terminal is compared on its low half', () => {
  for (const request of [0x5412, 0x541c]) {
    for (const high of [0n, 1n, 0x80000000n, 0xffffffffn]) {
      assert.is(byDefault('ioctl', [0, (high << 32n) | BigInt(request)]), 'EPERM')
    }
  }
  assert.is(byDefault('ioctl', [0, 0x5401]), 'allow')
  assert.is(byDefault('ioctl', [0x5412, 0x5401]), 'allow')
})

test('sockets are of the families that programs use', () => {
  const families = Array.from({ length: 48 }, (_, family) => family)
  assert.equal(
    families.filter((family) => byDefault('socket', [family, 1, 0]) === 'allow'),
    [1, 2, 10, 16],
  )
  assert.is(byDefault('socket', [40, 1, 0]), 'EAFNOSUPPORT', 'AF_VSOCK')
  assert.is(byDefault('socket', [38, 5, 0]), 'EAFNOSUPPORT', 'AF_ALG')
  assert.is(byDefault('socket', [0x100000001n, 1, 0]), 'allow', 'the kernel takes the low half')
  assert.is(byDefault('socket', [0x100000028n, 1, 0]), 'EAFNOSUPPORT')
  assert.is(byDefault('socket', [17, 3, 0]), 'EPERM', 'AF_PACKET')
  assert.is(byDefault('socket', [17, 3, 0], { capabilities: ['net_raw'] }), 'allow')
  assert.is(byDefault('socket', [16, 3, 12]), 'EAFNOSUPPORT', 'NETLINK_NETFILTER')
  assert.is(byDefault('socket', [16, 3, 12], { capabilities: ['net_admin'] }), 'allow')
  assert.is(byDefault('socketpair', [1, 1, 0]), 'allow')
  assert.is(byDefault('socketpair', [30, 5, 0]), 'EAFNOSUPPORT', 'AF_TIPC')
})

test('only harmless personalities', () => {
  for (const value of [0, 8, 0x20000, 0x20008, 0x40000, 0xffffffff, -1])
    assert.is(byDefault('personality', [value]), 'allow')
  for (const value of [1, 0x400000, 0x100000, 0x4000000]) assert.is(byDefault('personality', [value]), 'EPERM')
})

test('strict: a program starts, computes, reads, writes to what it has, and makes threads', () => {
  const some = [
    'execve',
    'read',
    'write',
    'mmap',
    'brk',
    'exit_group',
    'futex',
    'rt_sigreturn',
    'clock_gettime',
    'tgkill',
  ]
  for (const architecture of ARCHITECTURES) {
    for (const name of some) assert.is(strictly(name, [], { architecture }), 'allow', name)
    assert.is(strictly('openat', [-100, 0, 0o2000000], { architecture }), 'allow')
    assert.is(strictly('clone', [0x003d0f00], { architecture }), 'allow')
    assert.is(strictly('prlimit64', [0, 3, 0, 0x7ffc0000], { architecture }), 'allow')
  }
})

test('strict: no process, no socket, no file to write, nothing of anybody else’s', () => {
  for (const name of [
    'fork',
    'vfork',
    'socket',
    'socketpair',
    'connect',
    'unlink',
    'mkdir',
    'rename',
    'chmod',
    'ptrace',
  ]) {
    assert.is(strictly(name), 'violation', name)
  }
  assert.is(strictly('clone', [0x01200011]), 'violation')
  assert.is(strictly('clone', [0x003d0f00 | 0x40000000]), 'violation')
  assert.is(strictly('clone3'), 'ENOSYS')
  assert.is(strictly('socket', [1, 0x80801, 0]), 'EPERM', 'to nscd')
  assert.is(strictly('socket', [2, 1, 0]), 'violation')
  for (const flags of [0o1, 0o2, 0o101, 0o100, 0o1000, 0o20200002]) {
    assert.is(strictly('openat', [-100, 0, flags]), 'EACCES', flags.toString(8))
    assert.is(strictly('open', [0, flags]), 'EACCES', flags.toString(8))
  }
  assert.is(strictly('ioctl', [0, 0x5401]), 'allow')
  assert.is(strictly('ioctl', [0, 0x5412]), 'ENOTTY')
  assert.is(strictly('ioctl', [0, 0x100005412n]), 'ENOTTY')
})

test('capabilities widen the default profile only', () => {
  assert.is(strictly('mount', [], { capabilities: ['sys_admin'] }), 'violation')
})

test('the filters are small: every spawn carries one', () => {
  for (const architecture of ARCHITECTURES) {
    for (const kind of ['default', 'strict'] as const) {
      const filter = filterOf({ kind }, [], { architecture, kernel: [6, 12] })
      assert.ok((filter?.instructions ?? 0) < 256, `${kind} ${architecture}: ${filter?.instructions}`)
    }
  }
})

test('a call is named by the table of its own architecture', () => {
  assert.equal(describeCall(0xc000003e, 101), { architecture: 'x86_64', syscall: 'ptrace' })
  assert.equal(describeCall(0xc000003e, 0x40000000 + 39), { architecture: 'x32', syscall: 'getpid' })
  assert.equal(describeCall(0x40000003, 20), { architecture: 'i386', syscall: 'getpid' })
  assert.equal(describeCall(0xc00000b7, 117), { architecture: 'aarch64', syscall: 'ptrace' })
  assert.equal(describeCall(0xc000003e, 999), { architecture: 'x86_64', syscall: '#999' })
  assert.equal(describeCall(0x40000028, 20), { architecture: 'arm', syscall: '#20' })
  assert.equal(describeCall(0x12345678, 20), { architecture: '0x12345678', syscall: '#20' })
})

test('this machine has a table', () => {
  const { architecture, kernel } = hostMachine()
  assert.ok(syscallNumbers(architecture).has('execve'))
  assert.ok(kernel[0] >= 5)
})

test.run()
