// Thousands of random profiles and calls: what the compiled filter answers, run by an interpreter of BPF, is what the
// profile says when it is read rule by rule.
import * as assert from 'uvu/assert'
import { filterOf } from '../../src/seccomp/filter.js'
import { parseProfile } from '../../src/seccomp/parse.js'
import type { Machine } from '../../src/seccomp/resolve.js'
import { type Architecture, AUDIT_ARCH, syscallNumbers } from '../../src/seccomp/tables.js'
import type { SeccompEntry, SeccompProfile } from '../../src/seccomp/types.js'
import { suite } from '../support/suite.js'
import { type Call, interpret } from './bpf-interpreter.js'
import { Random, seed } from './random.js'

const test = suite('seccomp compiler')

const ALLOW = 0x7fff0000
const LOG = 0x7ffc0000
const NOTIFY = 0x7fc00000
const TRAP = 0x00030000
const ERRNO = 0x00050000
const ENOSYS = 38
const VALUES: Record<string, number> = {
  SCMP_ACT_ALLOW: ALLOW,
  SCMP_ACT_LOG: LOG,
  SCMP_ACT_KILL_PROCESS: NOTIFY,
  SCMP_ACT_TRAP: TRAP,
}
const SEVEREST_FIRST = [NOTIFY, TRAP, ERRNO, LOG, ALLOW]
const ACTIONS = [...Object.keys(VALUES), 'SCMP_ACT_ERRNO', 'SCMP_ACT_ERRNO']
const OPS = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ']

// Few values, close to one another and around 2^32, so that calls and conditions meet.
const NUMBERS = [0n, 1n, 2n, 3n, 5n, 0x7fffffffn, 0xffffffffn, 0x100000000n, 0x100000001n, 0x500000002n, 2n ** 63n]
const number = (random: Random) => (random.chance(80) ? random.pick(NUMBERS) : BigInt(random.below(2 ** 32)))

function randomEntry(random: Random, names: readonly string[]): SeccompEntry {
  const action = random.pick(ACTIONS)
  const indices = [0, 1, 2, 3, 4, 5].filter(() => random.chance(random.pick([0, 0, 20, 40])))
  const args = indices.map((index) => {
    const op = `SCMP_CMP_${random.pick(OPS)}`
    const value = number(random)
    if (op === 'SCMP_CMP_LT' && value === 0n) return { index, value: 1n, op }
    return op === 'SCMP_CMP_MASKED_EQ' ? { index, value, valueTwo: value & number(random), op } : { index, value, op }
  })
  return {
    names: Array.from({ length: 1 + random.below(6) }, () => random.pick(names)),
    action,
    ...(action === 'SCMP_ACT_ERRNO' ? { errnoRet: random.pick([1, 13, 38]) } : {}),
    args,
  }
}

// Mostly without contradictions: of what is said of a call under the same conditions only the first stays.
function withoutContradictions(random: Random, entries: readonly SeccompEntry[]): SeccompEntry[] {
  if (random.chance(5)) return [...entries]
  const said = new Set<string>()
  return entries.flatMap((entry) => {
    const conditions = (entry.args ?? []).map((arg) => `${arg.index}${arg.op}${arg.value}&${arg.valueTwo}`).join()
    const names = (entry.names ?? []).filter((name) => !said.has(`${name}: ${conditions}`))
    for (const name of names) said.add(`${name}: ${conditions}`)
    return names.length > 0 ? [{ ...entry, names }] : []
  })
}

function randomProfile(random: Random, names: readonly string[]): SeccompProfile {
  const some = Array.from({ length: 1 + random.below(40) }, () => random.pick(names))
  const defaultAction = random.pick(ACTIONS)
  return {
    defaultAction,
    ...(defaultAction === 'SCMP_ACT_ERRNO' ? { defaultErrnoRet: random.pick([1, 38]) } : {}),
    syscalls: [
      { names: ['execve', 'exit_group'], action: 'SCMP_ACT_ALLOW' },
      ...withoutContradictions(
        random,
        Array.from({ length: random.below(60) }, () => randomEntry(random, some)),
      ),
    ],
  }
}

function holds(args: NonNullable<SeccompEntry['args']>, call: Call): boolean {
  return args.every(({ index, op, value = 0, valueTwo = 0 }) => {
    const actual = call.arguments[index] as bigint
    const wanted = BigInt(value)
    switch (op) {
      case 'SCMP_CMP_NE':
        return actual !== wanted
      case 'SCMP_CMP_LT':
        return actual < wanted
      case 'SCMP_CMP_LE':
        return actual <= wanted
      case 'SCMP_CMP_EQ':
        return actual === wanted
      case 'SCMP_CMP_GE':
        return actual >= wanted
      case 'SCMP_CMP_GT':
        return actual > wanted
      case 'SCMP_CMP_MASKED_EQ':
        return (actual & wanted) === BigInt(valueTwo)
      default:
        throw new Error(op)
    }
  })
}

const answerOf = (action: string, errno: number | null | undefined) => VALUES[action] ?? ERRNO + (errno ?? 1)

const byNumber = (architecture: Architecture) =>
  new Map([...syscallNumbers(architecture)].map(([name, number]) => [number, name]))
const NAMES = { x86_64: byNumber('x86_64'), aarch64: byNumber('aarch64') }

/** What the profile says, by reading it; the answers that are right. */
function expected(profile: SeccompProfile, machine: Machine, call: Call): number[] {
  if (call.architecture !== AUDIT_ARCH[machine.architecture]) return [NOTIFY]
  const numbers = syscallNumbers(machine.architecture)
  const name = NAMES[machine.architecture].get(call.number)
  const otherwise = answerOf(profile.defaultAction, profile.defaultErrnoRet)
  const absent = otherwise === ALLOW || otherwise === LOG ? otherwise : ERRNO + ENOSYS
  if (machine.architecture === 'x86_64' && call.number >= 0x40000000 && call.number !== 0xffffffff) return [NOTIFY]
  if (name === undefined) return [absent]
  const entries = (profile.syscalls ?? []).filter(({ names }) => names?.includes(name))
  const matching = entries.filter(({ args }) => args && args.length > 0 && holds(args, call))
  const values = matching.map(({ action, errnoRet }) => answerOf(action, errnoRet))
  if (values.length > 0) {
    const rank = (value: number) => SEVEREST_FIRST.indexOf((value & 0xffff0000) >>> 0)
    const worst = Math.min(...values.map(rank))
    return values.filter((value) => rank(value) === worst)
  }
  const general = entries.find(({ args }) => !args || args.length === 0)
  if (general) return [answerOf(general.action, general.errnoRet)]
  const newest = Math.max(
    ...(profile.syscalls ?? []).flatMap(({ names }) => names ?? []).map((one) => numbers.get(one) ?? -1),
  )
  return [(otherwise & 0xffff0000) >>> 0 === ERRNO && call.number > newest ? absent : otherwise]
}

function randomCall(random: Random, machine: Machine, named: readonly number[]): Call {
  const architecture = random.chance(95) ? AUDIT_ARCH[machine.architecture] : random.pick(Object.values(AUDIT_ARCH))
  const elsewhere = [
    random.below(512),
    0x40000000 + random.below(600),
    0xffffffff,
    random.below(2 ** 32),
    463,
    470,
    335,
  ]
  const called = random.chance(70) ? random.pick(named) : random.pick(elsewhere)
  return { architecture, number: called, arguments: Array.from({ length: 6 }, () => number(random)) }
}

for (const architecture of ['x86_64', 'aarch64'] as const) {
  test(
    `1000 random profiles for ${architecture} answer 30 calls each as they say`,
    () => {
      const random = new Random(seed())
      const machine: Machine = { architecture, kernel: [6, 12] }
      const numbers = syscallNumbers(architecture)
      const names = [...numbers.keys()].filter((name) => !['execve', 'exit_group'].includes(name))
      let refused = 0
      let conditional = 0
      for (let round = 0; round < 1000; round++) {
        const json = randomProfile(random, names)
        let bytes: Uint8Array
        try {
          const filter = filterOf({ kind: 'profile', profile: parseProfile('p', json) }, [], machine)
          bytes = filter?.bytes as Uint8Array
        } catch (error) {
          assert.match((error as Error).message, /contradicts|can be true/)
          refused++
          continue
        }
        const named = (json.syscalls ?? []).flatMap((entry) => entry.names ?? []).map((name) => numbers.get(name) ?? 0)
        if (json.syscalls?.some(({ args }) => (args?.length ?? 0) > 0)) conditional++
        for (let i = 0; i < 30; i++) {
          const call = randomCall(random, machine, named)
          const right = expected(json, machine, call)
          const { value } = interpret(bytes, call)
          const show = (_: string, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)
          const about = () => `COFFERDAM_SEED=${random.seed} round ${round} ${JSON.stringify({ call, json }, show)}`
          assert.ok(
            right.includes(value),
            right.includes(value) ? '' : `0x${value.toString(16)}, not ${right}: ${about()}`,
          )
        }
      }
      assert.ok(refused < 200, `${refused} of 1000 were refused: too few are left`)
      assert.ok(conditional > 600, `only ${conditional} had conditions`)
    },
    { timeoutMs: 120_000 },
  )
}

test('a filter of many distinct rules jumps further than 255 instructions, and still right', () => {
  const machine: Machine = { architecture: 'x86_64', kernel: [6, 12] }
  const names = [...syscallNumbers('x86_64').keys()].filter((name) => !['execve', 'exit_group'].includes(name))
  const json: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      { names: ['execve', 'exit_group'], action: 'SCMP_ACT_ALLOW' },
      ...names.slice(0, 300).map((name, i) => ({
        names: [name],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: i % 6, value: i, op: 'SCMP_CMP_GE' }],
      })),
    ],
  }
  const filter = filterOf({ kind: 'profile', profile: parseProfile('p', json) }, [], machine)
  assert.ok((filter?.instructions ?? 0) > 1500, `${filter?.instructions}`)
  const numbers = syscallNumbers('x86_64')
  for (const [i, name] of names.slice(0, 300).entries()) {
    for (const value of [BigInt(i), BigInt(i) - 1n].filter((one) => one >= 0n)) {
      const call = { architecture: AUDIT_ARCH.x86_64, number: numbers.get(name) ?? 0, arguments: Array(6).fill(value) }
      const wanted = value >= BigInt(i) ? ALLOW : ERRNO + 1
      assert.is(interpret(filter?.bytes as Uint8Array, call).value, wanted, `${name} ${value}`)
    }
  }
})

test('the tree is balanced: no call without conditions takes more than a dozen instructions', () => {
  for (const kind of ['default', 'strict'] as const) {
    const filter = filterOf({ kind }, [], { architecture: 'x86_64', kernel: [6, 12] })
    for (const called of ['getpid', 'read', 'write', 'futex', 'mmap', 'exit_group', 'openat2', 'mseal']) {
      const at = syscallNumbers('x86_64').get(called) ?? 0
      const call = { architecture: AUDIT_ARCH.x86_64, number: at, arguments: Array(6).fill(0n) }
      const { steps } = interpret(filter?.bytes as Uint8Array, call)
      assert.ok(steps <= 12, `${kind}: ${called} takes ${steps}`)
    }
  }
})

test('the same profile is compiled once', () => {
  const machine: Machine = { architecture: 'aarch64', kernel: [6, 12] }
  assert.is(filterOf({ kind: 'default' }, [], machine), filterOf({ kind: 'default' }, [], machine))
  assert.is.not(filterOf({ kind: 'default' }, [], machine), filterOf({ kind: 'default' }, ['bpf'], machine))
})

test.run()
