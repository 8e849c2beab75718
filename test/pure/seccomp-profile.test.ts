// Profiles of a caller's own: those of container engines load, and what has no sense is refused with its place.
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { sandbox } from '../../src/sandbox.js'
import type { SeccompRecipe } from '../../src/seccomp/filter.js'
import { parseProfile } from '../../src/seccomp/parse.js'
import type { SeccompProfile } from '../../src/seccomp/types.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'
import { type Asked, verdict } from './seccomp-ask.js'

const test = suite('seccomp profiles')

const STARTS = { names: ['execve', 'exit_group'], action: 'SCMP_ACT_ALLOW' }
const profile = (json: unknown): SeccompRecipe => ({ kind: 'profile', profile: parseProfile('seccomp()', json) })
const denying = (...syscalls: unknown[]) => ({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [STARTS, ...syscalls] })
const ask = (json: unknown, call: string, args: readonly (number | bigint)[] = [], asked: Asked = {}) =>
  verdict(profile(json), call, args, asked)

const engine: SeccompProfile = JSON.parse(
  readFileSync(new URL('../fixtures/seccomp/engine-profile.json', import.meta.url), 'utf8'),
)

test('a profile of a container engine loads as it is', () => {
  assert.is(ask(engine, 'read'), 'allow')
  assert.is(ask(engine, 'mount'), 'EPERM')
  assert.is(ask(engine, 'bpf'), 'violation')
  assert.is(ask(engine, 'socket', [2, 1, 0]), 'allow')
  assert.is(ask(engine, 'socket', [40, 1, 0]), 'EPERM')
  assert.is(ask(engine, 'personality', [0xffffffff]), 'allow')
  assert.is(ask(engine, 'personality', [0x1ffffffff]), 'EPERM')
  assert.is(ask(engine, 'clone', [0x01200011]), 'allow')
  assert.is(ask(engine, 'clone', [0x10000000]), 'EPERM')
  assert.is(ask(engine, 'clone3'), 'ENOSYS')
})

test('entries for a kernel count from its version on', () => {
  assert.is(ask(engine, 'ptrace'), 'allow')
  assert.is(ask(engine, 'keyctl'), 'EPERM')
})

test('entries for an architecture count there only', () => {
  assert.is(ask(engine, 'modify_ldt'), 'allow')
  const arm = { architecture: 'aarch64' } as const
  assert.is(ask(engine, 'clone', [0x10000000], arm), 'EPERM')
  assert.is(ask(engine, 'clone', [0x11], arm), 'allow')
  const both = denying({ names: ['sync'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } })
  assert.is(ask(both, 'sync'), 'EPERM')
  assert.is(ask(both, 'sync', [], arm), 'allow')
  const but = denying({ names: ['sync'], action: 'SCMP_ACT_ALLOW', excludes: { arches: ['arm64'] } })
  assert.is(ask(but, 'sync'), 'allow')
  assert.is(ask(but, 'sync', [], arm), 'EPERM')
})

test('entries for capabilities count when the recipe keeps all of them, or none of the excluded', () => {
  const admin = { capabilities: ['sys_admin'] } as const
  assert.is(ask(engine, 'mount', [], admin), 'allow')
  assert.is(ask(engine, 'clone', [0x10000000], admin), 'allow')
  assert.is(ask(engine, 'clone3', [], admin), 'allow')
  const two = denying({ names: ['sync'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } })
  assert.is(ask(two, 'sync', [], admin), 'EPERM')
  assert.is(ask(two, 'sync', [], { capabilities: ['sys_admin', 'bpf'] }), 'allow')
})

test('names of another architecture are skipped', () => {
  const foreign = denying({
    names: ['s390_pci_mmio_read', 'breakpoint', 'socketcall', 'sync'],
    action: 'SCMP_ACT_ALLOW',
  })
  assert.is(ask(foreign, 'sync'), 'allow')
})

test('calls that are newer than a profile which answers with errnos are absent, as on its kernel', () => {
  assert.is(ask(engine, 'mseal'), 'ENOSYS')
  assert.is(ask(denying(), 'clone3'), 'ENOSYS')
  assert.is(ask(denying({ names: ['mseal'], action: 'SCMP_ACT_LOG' }), 'clone3'), 'EPERM')
  const deadly = { defaultAction: 'SCMP_ACT_KILL', syscalls: [STARTS] }
  assert.is(ask(deadly, 'mseal'), 'violation')
  const next = { number: 9999, audit: 0xc000003e }
  assert.is(verdict(profile(deadly), next), 'ENOSYS')
  assert.is(verdict(profile({ defaultAction: 'SCMP_ACT_ALLOW' }), next), 'allow')
})

test('every action, in every spelling', () => {
  const actions = {
    SCMP_ACT_ALLOW: 'allow',
    SCMP_ACT_LOG: 'log',
    SCMP_ACT_KILL: 'violation',
    SCMP_ACT_KILL_THREAD: 'violation',
    SCMP_ACT_KILL_PROCESS: 'violation',
    SCMP_ACT_TRAP: 'trap',
    SCMP_ACT_ERRNO: 'EPERM',
  }
  for (const [action, wanted] of Object.entries(actions)) {
    assert.is(ask(denying({ names: ['sync'], action }), 'sync'), wanted)
  }
  assert.is(ask(denying({ names: ['sync'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }), 'sync'), 'EACCES')
  assert.is(ask(denying({ names: ['sync'], action: 'SCMP_ACT_ERRNO', errno: 'EACCES' }), 'sync'), 'EACCES')
  assert.is(ask(denying({ names: ['sync'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }), 'sync'), 'errno 0')
  assert.is(ask({ ...denying(), defaultErrnoRet: 13 }, 'getpid'), 'EACCES')
  assert.is(ask(denying({ name: 'sync', action: 'SCMP_ACT_ALLOW', args: null }), 'sync'), 'allow')
})

test('calls of the machine’s other ABIs are violations, whatever a profile says', () => {
  const all = profile({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] })
  assert.is(verdict(all, { number: 20, audit: 0x40000003 }), 'violation')
  assert.is(verdict(all, { number: 0x40000000 + 39, audit: 0xc000003e }), 'violation')
  assert.is(verdict(all, { number: 39, audit: 0xc000003e }), 'allow')
  assert.is(verdict(all, { number: 0xffffffff, audit: 0xc000003e }), 'allow')
  const arm = { architecture: 'aarch64' } as const
  assert.is(verdict(all, { number: 20, audit: 0x40000028 }, [], arm), 'violation')
  assert.is(verdict(all, { number: 172, audit: 0xc00000b7 }, [], arm), 'allow')
})

test('specific entries come before general ones, and severe ones before lenient ones, in any order', () => {
  const eq = (value: number) => [{ index: 0, value, op: 'SCMP_CMP_EQ' }]
  const ge = (value: number) => [{ index: 0, value, op: 'SCMP_CMP_GE' }]
  const entries = [
    { names: ['sync'], action: 'SCMP_ACT_ALLOW' },
    { names: ['sync'], action: 'SCMP_ACT_ERRNO', args: ge(5) },
    { names: ['sync'], action: 'SCMP_ACT_KILL', args: eq(7) },
    { names: ['sync'], action: 'SCMP_ACT_LOG', args: ge(6) },
  ]
  for (const order of [entries, entries.toReversed()]) {
    assert.equal(
      [4, 5, 6, 7].map((value) => ask(denying(...order), 'sync', [value])),
      ['allow', 'EPERM', 'EPERM', 'violation'],
    )
  }
})

const sync = (part: object) => denying({ names: ['sync'], action: 'SCMP_ACT_ALLOW', ...part })
const arg = (part: object) => sync({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...part }] })

const REFUSED: [what: string, json: unknown, kind: string, says: RegExp][] = [
  ['an unknown word', 'none', 'TypeError', /'default', 'strict', 'off' for seccomp\(\) but received 'none'/],
  ['a misspelt word', 'stirct', 'TypeError', /Did you mean 'strict'\?/],
  ['the text of a profile', '{"defaultAction": 1}', 'TypeError', /JSON\.parse\(\)/],
  ['a list', [], 'TypeError', /received \[\]/],
  ['nothing', undefined, 'TypeError', /received undefined/],
  ['no default action', {}, 'TypeError', /for seccomp\(\) defaultAction but received undefined/],
  ['an unknown key', { ...denying(), sycalls: [] }, 'TypeError', /'sycalls'. Did you mean 'syscalls'\?/],
  ['an unknown default', { defaultAction: 'ALLOW' }, 'TypeError', /defaultAction but received 'ALLOW'/],
  [
    'an unknown call',
    denying({ names: ['read', 'write', 'opne'], action: 'SCMP_ACT_ALLOW' }),
    'TypeError',
    /seccomp\(\) syscalls\[1\]\.names\[2\] but received 'opne'. Did you mean 'open'\?/,
  ],
  ['a number as call', denying({ names: [3], action: 'SCMP_ACT_ALLOW' }), 'TypeError', /syscalls\[1\]\.names\[0\]/],
  ['no names', denying({ action: 'SCMP_ACT_ALLOW' }), 'TypeError', /syscalls\[1\]\.names but received undefined/],
  ['no action', denying({ names: ['sync'] }), 'TypeError', /syscalls\[1\]\.action but received undefined/],
  [
    'an unknown action',
    sync({ action: 'SCMP_ACT_DENY' }),
    'TypeError',
    /syscalls\[1\]\.action but received 'SCMP_ACT_DENY'/,
  ],
  ['an action for a tracer', sync({ action: 'SCMP_ACT_TRACE' }), 'TypeError', /syscalls\[1\]\.action.*no tracer/],
  ['an action for an agent', sync({ action: 'SCMP_ACT_NOTIFY' }), 'TypeError', /syscalls\[1\]\.action.*no agent/],
  ['an unknown key of an entry', sync({ arg: [] }), 'TypeError', /syscalls\[1\].*'arg'/],
  ['an entry that is none', denying('read'), 'TypeError', /an object for seccomp\(\) syscalls\[1\]/],
  ['an error number without errors', sync({ errnoRet: 5 }), 'TypeError', /syscalls\[1\]\.errnoRet but received 5/],
  ['too high an error number', sync({ action: 'SCMP_ACT_ERRNO', errnoRet: 4096 }), 'RangeError', /0 to 4095.*errnoRet/],
  ['an unknown error', sync({ action: 'SCMP_ACT_ERRNO', errno: 'EPREM' }), 'TypeError', /Did you mean 'EPERM'/],
  [
    'two error numbers',
    sync({ action: 'SCMP_ACT_ERRNO', errnoRet: 1, errno: 'EACCES' }),
    'TypeError',
    /the name of errnoRet 1 for seccomp\(\) syscalls\[1\]\.errno/,
  ],
  [
    'an unknown architecture',
    { ...denying(), architectures: ['SCMP_ARCH_X86_64', 'amd64'] },
    'TypeError',
    /architectures\[1\]/,
  ],
  [
    'an unknown sub-architecture',
    { ...denying(), archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_I386'] }] },
    'TypeError',
    /archMap\[0\]\.subArchitectures\[0\] but received 'SCMP_ARCH_I386'/,
  ],
  [
    'an unknown architecture of an entry',
    sync({ includes: { arches: ['x64'] } }),
    'TypeError',
    /includes\.arches\[0\]/,
  ],
  [
    'an unknown capability',
    sync({ excludes: { caps: ['CAP_ROOT'] } }),
    'TypeError',
    /syscalls\[1\]\.excludes\.caps\[0\]/,
  ],
  ['a kernel that is no version', sync({ includes: { minKernel: 'new' } }), 'TypeError', /includes\.minKernel/],
  ['a seventh argument', arg({ index: 6 }), 'RangeError', /0 to 5 for seccomp\(\) syscalls\[1\]\.args\[0\]\.index/],
  ['an unknown comparison', arg({ op: 'SCMP_CMP_EQUAL' }), 'TypeError', /syscalls\[1\]\.args\[0\]\.op/],
  ['a negative value', arg({ value: -1 }), 'RangeError', /args\[0\]\.value but received -1.*4294967295/],
  ['a value that is not exact', arg({ value: 2 ** 63 }), 'RangeError', /args\[0\]\.value.*bigint/],
  ['a value of 65 bits', arg({ value: 2n ** 64n }), 'RangeError', /args\[0\]\.value/],
  ['a value that is text', arg({ value: '5' }), 'TypeError', /args\[0\]\.value/],
  ['what no value is less than', arg({ value: 0, op: 'SCMP_CMP_LT' }), 'TypeError', /args\[0\]\.value.*less than 0/],
  [
    'what no mask leaves',
    arg({ value: 6, valueTwo: 1, op: 'SCMP_CMP_MASKED_EQ' }),
    'TypeError',
    /args\[0\]\.valueTwo but received 1. It has bits/,
  ],
  [
    'an argument twice',
    sync({ args: [1, 2].map((value) => ({ index: 3, value, op: 'SCMP_CMP_NE' })) }),
    'TypeError',
    /syscalls\[1\]\.args\[1\]\.index but received 3/,
  ],
  [
    'a contradiction',
    denying({ names: ['sync'], action: 'SCMP_ACT_ALLOW' }, { names: ['tee', 'sync'], action: 'SCMP_ACT_KILL' }),
    'TypeError',
    /syscalls\[2\]\.names\[1\] contradicts seccomp\(\) syscalls\[1\]\.names\[0\]/,
  ],
  ['no execve', { defaultAction: 'SCMP_ACT_ERRNO' }, 'TypeError', /would refuse execve \(seccomp\(\) defaultAction\)/],
  [
    'an execve by argument',
    {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['execve'], action: 'SCMP_ACT_KILL', args: [{ index: 0, op: 'SCMP_CMP_EQ' }] }],
    },
    'TypeError',
    /would refuse execve \(seccomp\(\) syscalls\[0\]\.names\[0\]\)/,
  ],
  [
    'a deadly exit',
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['exit_group'], action: 'SCMP_ACT_KILL' }] },
    'TypeError',
    /for exit_group \(seccomp\(\) syscalls\[0\]\.names\[0\]\)/,
  ],
  ['a listener', { ...denying(), listenerPath: '/run/agent' }, 'TypeError', /listenerPath/],
  [
    'a flag that would be dropped',
    { ...denying(), flags: ['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] },
    'TypeError',
    /flags\[0\]/,
  ],
]

for (const [what, json, kind, says] of REFUSED) {
  test(`${what} is refused at the method`, () => {
    // biome-ignore lint/suspicious/noExplicitAny: what a JavaScript caller can pass in spite of the types
    const found = refusal(() => sandbox().seccomp(json as any))
    assert.is(found.kind, kind, found.message)
    assert.is(found.code, 'ERR_SANDBOX_INVALID_OPTION')
    assert.match(found.message, says)
  })
}

test('a profile over 4096 instructions is refused, with the place of what makes it so long', () => {
  const entries = Array.from({ length: 2000 }, (_, i) => ({
    names: ['sync'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: i * 3, op: 'SCMP_CMP_EQ' }],
  }))
  const found = refusal(() => sandbox().seccomp(denying(...entries) as SeccompProfile))
  assert.is(found.kind, 'RangeError')
  assert.match(found.message, /at most 4096 BPF instructions.*\d{4}.*seccomp\(\) syscalls\[1\]\.names\[0\]/)
  const fewer = sandbox().seccomp(denying(...entries.slice(0, 500)) as SeccompProfile)
  assert.ok(fewer.plan().command.seccomp.instructions > 1500)
})

test('a contradiction that only kept capabilities bring about is refused by whichever call comes second', () => {
  const json = denying(
    { names: ['sync'], action: 'SCMP_ACT_KILL' },
    { names: ['sync'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_CHOWN'] } },
  ) as SeccompProfile
  const alone = sandbox().seccomp(json)
  assert.match(refusal(() => alone.capabilities('chown')).message, /contradicts/)
  assert.match(refusal(() => sandbox().capabilities('chown').seccomp(json)).message, /contradicts/)
})

test('a caller who changes the profile afterwards changes nothing', () => {
  const names = ['sync']
  const recipe = profile(denying({ names, action: 'SCMP_ACT_ALLOW' }))
  names[0] = 'msync'
  assert.is(verdict(recipe, 'sync'), 'allow')
  assert.is(verdict(recipe, 'msync'), 'EPERM')
})

test.run()
