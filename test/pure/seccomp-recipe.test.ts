// From seccomp() to the plan, to the bytes that init is given, and from its report to the result.
import * as assert from 'uvu/assert'
import { CAUSE, EXEC } from '../../src/encode/wire.js'
import { encodePlan, encodeRequest } from '../../src/encode.js'
import type { HostFacts } from '../../src/host-facts.js'
import { makePlan } from '../../src/plan.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { makeResult } from '../../src/result.js'
import { sandbox } from '../../src/sandbox.js'
import { filterOf } from '../../src/seccomp/filter.js'
import { setupError } from '../../src/setup-errors.js'
import { suite } from '../support/suite.js'
import { facts } from './facts.js'
import { decodeRequest } from './wire-decoder.js'

const test = suite('seccomp recipe')

const plan = (recipe: Partial<Recipe> = {}, host: Partial<HostFacts> = {}) =>
  makePlan({ ...DEFAULT_RECIPE, ...recipe }, facts(host))

test('a recipe has the default filter unless it says otherwise, and the last word counts', () => {
  assert.equal(plan().command.seccomp.profile, 'default')
  assert.is(sandbox().seccomp('off').seccomp('strict').plan().command.seccomp.profile, 'strict')
  assert.is(sandbox().seccomp({ defaultAction: 'SCMP_ACT_ALLOW' }).plan().command.seccomp.profile, 'profile')
})

test('the plan shows which filter, for which machine, how long', () => {
  const machine = { architecture: 'aarch64', kernel: [6, 12] } as const
  const { seccomp } = plan({}, { machine }).command
  assert.equal(seccomp, {
    profile: 'default',
    architecture: 'aarch64',
    instructions: filterOf({ kind: 'default' }, [], machine)?.instructions,
    guardsInit: false,
  })
  assert.is(plan({ seccomp: { kind: 'off' } }).command.seccomp.instructions, 0)
})

test('no filter is worth a warning, and none is given for the others', () => {
  assert.match(plan({ seccomp: { kind: 'off' } }).warnings.join(), /no filter of system calls/)
  for (const kind of ['default', 'strict'] as const) assert.equal(plan({ seccomp: { kind } }).warnings, [])
})

test('a kernel without filters cannot have it, unless it is off', () => {
  const [missing] = plan({}, { seccomp: false }).unsupported
  assert.is(missing?.feature, 'seccomp')
  assert.match(missing?.hint ?? '', /seccomp\('off'\)/)
  assert.equal(plan({ seccomp: { kind: 'off' } }, { seccomp: false }).unsupported, [])
})

test('a step that fails all the same says what to do', () => {
  for (const [errno, says] of [
    [22, /CONFIG_SECCOMP_FILTER/],
    [12, /32768/],
  ] as const) {
    const error = setupError({ step: 'seccomp', index: 3, errno, subject: { feature: 'seccomp' } })
    assert.match(error.message, /step 'seccomp' failed/)
    assert.match(error.hint ?? '', says)
  }
})

function execRecords(recipe: Partial<Recipe>) {
  const whole = { ...DEFAULT_RECIPE, ...recipe }
  const known = facts()
  const filter = filterOf(whole.seccomp, whole.capabilities, known.machine)
  const encoded = encodePlan(makePlan(whole, known), known, filter)
  const command = { file: '/x', argv: ['/x'] }
  const request = encodeRequest(encoded, { command, stdio: [], outputBytes: undefined, collect: false })
  return { filter, records: decodeRequest(request.bytes).exec.filter(({ op }) => op === EXEC.EXEC_FILTER) }
}

test('the filter is one record of the exec section, as the kernel takes it', () => {
  for (const kind of ['default', 'strict'] as const) {
    const { filter, records } = execRecords({ seccomp: { kind } })
    assert.is(records.length, 1)
    assert.equal(new Uint8Array(records[0]?.payload.bytes() ?? []), filter?.bytes)
    assert.is(filter?.bytes.length, (filter?.instructions ?? 0) * 8)
  }
  assert.is(execRecords({ seccomp: { kind: 'off' } }).records.length, 0)
})

test('kept capabilities change the default filter', () => {
  const plain = execRecords({}).filter
  assert.is.not(execRecords({ capabilities: ['sys_ptrace'] }).filter, plain)
  assert.is(execRecords({ capabilities: [] }).filter, plain)
})

const usage = {
  wallTimeMs: 5,
  cpuTimeMs: 1,
  userTimeMs: 1,
  systemTimeMs: 0,
  memoryPeakBytes: 4096,
  pidsPeak: undefined,
  readBytes: 0,
  writtenBytes: 0,
  majorFaults: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
}
const ended = (cause: number, status: number, number = 101, architecture = 0xc000003e) =>
  makeResult({ status, cause, call: { number, architecture }, usage, figures: {}, outputBytes: -1, limits: {} }, {})

test('a violation is an outcome with the name of the call', () => {
  const result = ended(CAUSE.CAUSE_SECCOMP, 9)
  assert.ok(result.outcome === 'seccomp-violation')
  assert.equal([result.syscall, result.syscallNumber, result.architecture], ['ptrace', 101, 'x86_64'])
  assert.equal([result.ok, result.signal, result.exitCode], [false, 'SIGKILL', undefined])
  assert.is(
    result.explain(),
    'The program was ended for the system call ptrace, which its seccomp filter forbids, after 5 ms (1 ms of CPU time, memory peak 4 KiB).',
  )
  assert.throws(() => result.throwIfFailed(), /system call ptrace/)
})

test('a violation in a child outranks the code with which the command ends', () => {
  const result = ended(CAUSE.CAUSE_SECCOMP, 0)
  assert.equal([result.outcome, result.ok, result.exitCode], ['seccomp-violation', false, 0])
})

test('calls of other ABIs and unknown ones are named as such', () => {
  assert.match(ended(CAUSE.CAUSE_SECCOMP, 9, 11, 0x40000003).explain(), /system call execve of i386,/)
  assert.match(ended(CAUSE.CAUSE_SECCOMP, 9, 0x40000000 + 59).explain(), /system call execve of x32,/)
  assert.match(ended(CAUSE.CAUSE_SECCOMP, 9, 999).explain(), /system call #999,/)
})

test('no other outcome has a call', () => {
  for (const cause of Object.values(CAUSE).filter((value) => value !== CAUSE.CAUSE_SECCOMP)) {
    assert.not.ok('syscall' in ended(cause, 31), String(cause))
  }
  const self = ended(CAUSE.CAUSE_NONE, 31)
  assert.equal([self.outcome, self.signal], ['signaled', 'SIGSYS'])
})

test.run()
