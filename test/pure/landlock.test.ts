// landlock(): what it refuses, what its rules come to as a plan and as bytes, and what older kernels lack for them.
import { type LandlockRules, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { BOOT, EXEC } from '../../src/encode/wire.js'
import { encodeInBox, encodePlan, encodeRequest } from '../../src/encode.js'
import type { HostFacts } from '../../src/host-facts.js'
import { FILE_RIGHTS } from '../../src/landlock/rights.js'
import { parseLandlock } from '../../src/options/landlock.js'
import { makePlan } from '../../src/plan.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { setupError } from '../../src/setup-errors.js'
import { suite } from '../support/suite.js'
import { facts } from './facts.js'
import { refusal } from './refusal.js'
import { verdict } from './seccomp-ask.js'
import { decodeRequest } from './wire-decoder.js'

const test = suite('landlock rules')

function plan(rules: LandlockRules, host: Partial<HostFacts> = {}, recipe: Partial<Recipe> = {}) {
  return makePlan({ ...DEFAULT_RECIPE, ...recipe, landlock: parseLandlock(rules) }, facts(host))
}

const steps = (rules: LandlockRules) => plan(rules).boot.filter(({ op }) => op.startsWith('landlock'))

const BAD: [rules: unknown, kind: string, message: RegExp][] = [
  [undefined, 'TypeError', /Expected an object for landlock\(\)/],
  [{}, 'TypeError', /at least one of read, write/],
  [{ scope: [] }, 'TypeError', /at least one of/],
  [{ reads: [] }, 'TypeError', /Did you mean 'read'/],
  [{ read: '/usr' }, 'TypeError', /an array of absolute paths for landlock\(\)\.read.*nothing is allowed/],
  [{ read: ['/usr', 'etc'] }, 'TypeError', /an absolute path for landlock\(\)\.read\[1\]/],
  [{ write: ['/a/../b'] }, 'TypeError', /without '\.\.' for landlock\(\)\.write\[0\]/],
  [{ execute: ['/a\0b'] }, 'TypeError', /without NUL bytes for landlock\(\)\.execute\[0\]/],
  [{ execute: [''] }, 'TypeError', /non-empty/],
  [{ ioctl: [7] }, 'TypeError', /a string for landlock\(\)\.ioctl\[0\]/],
  [{ read: [`/${'x'.repeat(4095)}`] }, 'RangeError', /at most 4095 bytes/],
  [{ read: new Array(1) }, 'TypeError', /landlock\(\)\.read\[0\]/],
  ...['/proc/self', '/proc/self/fd', '/proc/thread-self/x', '/proc/1', '/proc/12/mem'].map(
    (path): [unknown, string, RegExp] => [{ read: [path] }, 'TypeError', /no single process.*Use '\/proc'/],
  ),
  [{ connectTcp: [0] }, 'RangeError', /an integer from 1 to 65535 for landlock\(\)\.connectTcp\[0\]/],
  [{ bindTcp: [65536] }, 'RangeError', /an integer from 0 to 65535/],
  [{ bindTcp: [80.5] }, 'RangeError', /an integer/],
  [{ bindTcp: ['80'] }, 'TypeError', /an integer/],
  [{ bindTcp: 80 }, 'TypeError', /an array of port numbers/],
  [{ scope: ['signals'] }, 'TypeError', /Did you mean 'signal'/],
  [{ truncate: 'unrestricted' }, 'TypeError', /give both, or neither/],
  [{ write: [], truncate: false }, 'TypeError', /one of 'write', 'unrestricted'/],
]

for (const [rules, kind, message] of BAD) {
  test(`refused: ${JSON.stringify(rules)?.slice(0, 60) ?? 'nothing'}`, () => {
    const refused = refusal(() => sandbox().landlock(rules as LandlockRules))
    assert.is(refused.kind, kind)
    assert.match(refused.message, message)
  })
}

test('rules are a frozen copy, replace earlier ones, and a path is the same with a slash at its end', () => {
  const read = ['/usr/', '/usr', '/etc//ssl']
  const rules = parseLandlock({ read, write: undefined })
  read.push('/home')
  assert.equal(rules, { read: ['/usr', '/etc/ssl'] })
  assert.ok(Object.isFrozen(rules) && Object.isFrozen(rules.read))
  const later = sandbox()
    .landlock({ read: [] })
    .landlock({ bindTcp: [80] })
  assert.equal(
    later.plan().boot.flatMap((step) => (step.op === 'landlock' ? [step.files] : [])),
    [[]],
  )
})

test('a recipe without rules has no ruleset', () => {
  const { boot, command } = sandbox().plan()
  assert.is(
    boot.some(({ op }) => op.startsWith('landlock')),
    false,
  )
  assert.is(command.landlock, false)
})

test('what is handled is what has a list; moving files stays possible where writing is not restricted', () => {
  const files = ['read_file', 'read_dir', 'refer'] as const
  assert.equal(steps({ read: ['/a'] }), [
    { op: 'landlock', files, network: [], scopes: [] },
    { op: 'landlock-path', path: '/a', rights: ['read_file', 'read_dir'] },
    { op: 'landlock-path', path: '/', rights: ['refer'] },
  ])
  assert.equal(steps({ bindTcp: [80, 443], connectTcp: [443], scope: ['signal'] }), [
    { op: 'landlock', files: [], network: ['bind_tcp', 'connect_tcp'], scopes: ['signal'] },
    { op: 'landlock-port', port: 80, rights: ['bind_tcp'] },
    { op: 'landlock-port', port: 443, rights: ['bind_tcp', 'connect_tcp'] },
  ])
})

test('several rules for a path are one, and what is executed can be read where reading is restricted', () => {
  const [all, first, second] = steps({ read: ['/a'], execute: ['/a', '/b'], write: [] })
  assert.ok(all?.op === 'landlock' && all.files.length === FILE_RIGHTS.length - 1, 'all but ioctl_dev')
  assert.equal(first, { op: 'landlock-path', path: '/a', rights: ['read_file', 'read_dir', 'execute'] })
  assert.equal(second, { op: 'landlock-path', path: '/b', rights: ['execute', 'read_file'] })
  assert.equal(steps({ execute: ['/b'] })[1], { op: 'landlock-path', path: '/b', rights: ['execute'] })
})

const OLD: [rules: LandlockRules, abi: number, feature: string, release: string][] = [
  [{ read: [] }, 1, 'landlock.read', '5.19'],
  [{ execute: [] }, 1, 'landlock.execute', '5.19'],
  [{ write: [], truncate: 'unrestricted' }, 1, 'landlock.write', '5.19'],
  [{ write: [] }, 2, 'landlock.write', '6.2'],
  [{ connectTcp: [] }, 3, 'landlock.connectTcp', '6.7'],
  [{ bindTcp: [] }, 3, 'landlock.bindTcp', '6.7'],
  [{ ioctl: [] }, 4, 'landlock.ioctl', '6.10'],
  [{ scope: ['signal'] }, 5, 'landlock.scope', '6.12'],
]

for (const [rules, abi, feature, release] of OLD) {
  test(`${JSON.stringify(rules)} needs version ${abi + 1}`, () => {
    const [missing, ...more] = plan(rules, { landlock: { abi } }).unsupported
    assert.is(missing?.feature, feature)
    assert.ok(missing?.reason.includes(`version ${abi + 1} of Landlock's ABI (Linux ${release})`), missing?.reason)
    assert.ok(missing?.hint.includes(release), missing?.hint)
    assert.equal(more, [])
    assert.equal(plan(rules, { landlock: { abi: abi + 1 } }).unsupported, [])
  })
}

test('a kernel without Landlock, or with it switched off, or a filter in the way: each says what to do', () => {
  for (const [code, says] of [
    ['ENOSYS', /CONFIG_SECURITY_LANDLOCK/],
    ['EOPNOTSUPP', /lsm=/],
    ['EPERM', /answers EPERM/],
  ] as const) {
    const [missing] = plan({ read: [] }, { landlock: { abi: 0, code } }).unsupported
    assert.is(missing?.feature, 'landlock')
    assert.match(`${missing?.reason} ${missing?.hint}`, says)
  }
})

test('the host is not asked unless there are rules', () => {
  const host = facts()
  Object.defineProperty(host, 'landlock', { get: () => assert.unreachable() })
  makePlan(DEFAULT_RECIPE, host)
})

test('what rules give up is a warning', () => {
  const warns = (made: ReturnType<typeof plan>, text: string) => made.warnings.some((one) => one.includes(text))
  assert.ok(warns(plan({ write: [], truncate: 'unrestricted' }), 'truncated'))
  assert.is(warns(plan({ write: [] }), 'truncated'), false)
  assert.ok(warns(plan({ connectTcp: [] }, {}, { seccomp: { kind: 'off' } }), 'MPTCP'))
  assert.is(warns(plan({ connectTcp: [] }), 'MPTCP'), false)
  const shared = { namespaces: DEFAULT_RECIPE.namespaces.filter((name) => name !== 'net') }
  assert.ok(warns(plan({ bindTcp: [] }, {}, shared), 'listen at a TCP port'))
  assert.is(warns(plan({ bindTcp: [0] }, {}, shared), 'listen at a TCP port'), false)
})

test('with rules for ports the filter refuses what gets round them, and only then', () => {
  const ports = { connectTcp: [] }
  for (const architecture of ['x86_64', 'aarch64'] as const) {
    const ask = (call: string, args: (number | bigint)[], duties = {}) =>
      verdict({ kind: 'default' }, call, args, { architecture, duties })
    assert.is(ask('socket', [2, 1, 262]), 'allow')
    for (const protocol of [256, 262, 0xffffffff, 2n ** 40n])
      assert.is(ask('socket', [2, 1, protocol], { ports }), 'errno 93')
    for (const protocol of [0, 6, 17, 255]) assert.is(ask('socket', [2, 1, protocol], { ports }), 'allow')
    for (const [call, at] of [
      ['sendto', 3],
      ['sendmsg', 2],
      ['sendmmsg', 3],
    ] as const) {
      const args = Array(at).fill(0)
      for (const flags of [0x20000000, 0x20004000]) assert.is(ask(call, [...args, flags], { ports }), 'errno 95')
      assert.is(ask(call, [...args, 0x4000], { ports }), 'allow')
      assert.is(ask(call, [...args, 0x20000000], { ports: { bindTcp: [] } }), 'allow')
    }
    assert.is(ask('socket', [2, 1, 262], { ports: { bindTcp: [] } }), 'errno 93')
  }
})

test('where the command has the id of its init the filter keeps it from slowing it down, and only then', () => {
  const NEW_LIMIT = 0x1000
  for (const kind of ['default', 'strict'] as const) {
    const ask = (call: string, ...args: (number | bigint)[]) => [
      verdict({ kind }, call, args, { duties: { guardsInit: true } }),
      verdict({ kind }, call, args),
    ]
    for (const call of ['sched_setaffinity', 'sched_setscheduler', 'sched_setparam', 'sched_setattr']) {
      for (const pid of [1, 2n ** 32n + 1n]) assert.equal(ask(call, pid), ['EPERM', 'allow'], call)
      for (const pid of [0, 2]) assert.equal(ask(call, pid), ['allow', 'allow'], call)
    }
    assert.equal(ask('prlimit64', 1, 7, NEW_LIMIT), ['EPERM', 'allow'])
    assert.equal(ask('prlimit64', 1, 7, 0, NEW_LIMIT), ['allow', 'allow'])
    assert.equal(ask('prlimit64', 0, 7, NEW_LIMIT), ['allow', 'allow'])
    for (const [which, who] of [
      [0, 1],
      [1, 1],
      [2, 0],
      [2, 5],
    ])
      assert.equal(ask('setpriority', which as number, who as number), ['EPERM', 'allow'])
    for (const [which, who] of [
      [0, 0],
      [0, 2],
      [1, 0],
    ])
      assert.equal(ask('setpriority', which as number, who as number), ['allow', 'allow'])
  }
  const guards = (host: Partial<HostFacts>, recipe: Partial<Recipe> = {}) =>
    makePlan({ ...DEFAULT_RECIPE, ...recipe }, facts(host)).command.seccomp.guardsInit
  assert.equal(
    [guards({}), guards({ privileged: false }), guards({ privileged: false }, { seccomp: { kind: 'off' } })],
    [false, true, false],
  )
})

function decode(rules: LandlockRules, fresh: boolean) {
  const known = facts()
  const made = plan(rules)
  const whole = encodePlan(made, known, undefined)
  const encoded = fresh ? encodeInBox(made, whole, known, true) : whole
  const command = { file: '/x', argv: ['/x'] }
  const request = encodeRequest(encoded, { command, stdio: [], outputBytes: undefined, collect: false })
  return { request, decoded: decodeRequest(request.bytes) }
}

const RULES: LandlockRules = { read: ['/tmp'], connectTcp: [5432], scope: ['signal'] }

for (const [fresh, first] of [
  [false, BOOT.BOOT_LANDLOCK],
  [true, EXEC.EXEC_FRESH_LANDLOCK],
] as const) {
  test(`the bytes of a ruleset, ${fresh ? 'for a command with places of its own' : 'as the last of boot'}`, () => {
    const { request, decoded } = decode(RULES, fresh)
    const section = fresh ? decoded.exec : decoded.boot
    const found = section.filter(({ op }) => op >= first && op <= first + 2)
    assert.equal(
      found.map(({ op }) => op - first),
      [0, 1, 1, 2],
    )
    const [ruleset, tmp, root, port] = found.map(({ payload }) => payload)
    // READ_FILE, READ_DIR, REFER; CONNECT_TCP; SCOPE_SIGNAL.
    assert.equal([ruleset?.u64(), ruleset?.u64(), ruleset?.u64()], [0x200cn, 2n, 2n])
    assert.equal([tmp?.u64(), tmp?.string()], [0xcn, '/tmp'])
    assert.equal([root?.u64(), root?.string()], [0x2000n, '/'])
    assert.equal([port?.u64(), port?.u32()], [2n, 5432])
    assert.ok([ruleset, tmp, root, port].every((payload) => payload?.done))
    const index = section.findIndex(({ op }) => op === first + 1)
    assert.is(request.subject(fresh ? 2 : 1, index)?.path, '/tmp')
    assert.is(decoded.exec.filter(({ op }) => op === EXEC.EXEC_LANDLOCK).length, 1)
  })
}

test('a program that its own rules forbid is told from one that is not executable', () => {
  const failure = { step: 'exec', index: 0, errno: 13, subject: { path: '/x' } } as const
  assert.match(setupError({ ...failure, landlock: true }).hint ?? '', /landlock\(\) does not let it be executed/)
  assert.not.match(setupError(failure).hint ?? '', /landlock/)
})

test.run()
