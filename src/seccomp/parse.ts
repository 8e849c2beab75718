// A profile in the JSON shape of Docker and the OCI, to what it says. Whatever is unknown or has no sense is refused, with
// its place: `seccomp() syscalls[12].names[3]`.

import { constants } from 'node:os'
import { CAPABILITIES, type CapabilityName } from '../capabilities.js'
import { checkInteger, checkKeys, checkWord, didYouMean, invalid } from '../validate.js'
import { RETURN } from './bpf.js'
import { type Condition, type Entry, errnoAction, type Profile, type Selector, VIOLATION } from './profile.js'
import { isSyscall, syscallNames } from './tables.js'

const MAX_ERRNO = 4095
const MAX_VALUE = 2n ** 64n - 1n
const EPERM = constants.errno.EPERM

const ACTIONS: Readonly<Record<string, number | string>> = {
  SCMP_ACT_ALLOW: RETURN.allow,
  SCMP_ACT_LOG: RETURN.log,
  SCMP_ACT_ERRNO: RETURN.errno,
  SCMP_ACT_TRAP: RETURN.trap,
  SCMP_ACT_KILL: VIOLATION,
  SCMP_ACT_KILL_PROCESS: VIOLATION,
  SCMP_ACT_KILL_THREAD: VIOLATION,
  SCMP_ACT_TRACE:
    'There is no tracer in a sandbox that could decide; without one the kernel answers ENOSYS: use SCMP_ACT_ERRNO with errnoRet 38.',
  SCMP_ACT_NOTIFY: 'There is no agent that could decide: use SCMP_ACT_ERRNO, or SCMP_ACT_KILL.',
}

const OPERATORS: Readonly<Record<string, Condition['op']>> = {
  SCMP_CMP_NE: 'ne',
  SCMP_CMP_LT: 'lt',
  SCMP_CMP_LE: 'le',
  SCMP_CMP_EQ: 'eq',
  SCMP_CMP_GE: 'ge',
  SCMP_CMP_GT: 'gt',
  SCMP_CMP_MASKED_EQ: 'masked_eq',
}

const ARCHITECTURES = [
  ...['X86', 'X86_64', 'X32', 'ARM', 'AARCH64', 'MIPS', 'MIPS64', 'MIPS64N32', 'MIPSEL', 'MIPSEL64', 'MIPSEL64N32'],
  ...['PPC', 'PPC64', 'PPC64LE', 'S390', 'S390X', 'PARISC', 'PARISC64', 'RISCV64', 'LOONGARCH64', 'M68K', 'SH', 'SHEB'],
].map((name) => `SCMP_ARCH_${name}`)

// As Go calls them, and the two that Docker adds.
const GO_ARCHITECTURES = [
  ...['amd64', 'x86', '386', 'x32', 'arm', 'arm64', 'mips', 'mips64', 'mips64n32', 'mipsel', 'mipsel64', 'mipsel64n32'],
  ...['mipsle', 'mips64le', 'ppc', 'ppc64', 'ppc64le', 's390', 's390x', 'riscv64', 'loong64', 'loongarch64'],
]

/** What an entry without `includes` or `excludes` has: selects nothing. */
export const NO_SELECTOR: Selector = Object.freeze({ capabilities: [], architectures: [], minKernel: undefined })

// Go writes an empty list as null.
function list(place: string, value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid(TypeError, place, 'an array', value)
  return value
}

function words<T extends string>(place: string, value: unknown, known: readonly T[]): T[] {
  return list(place, value).map((word, i) => checkWord(`${place}[${i}]`, word, known))
}

function parseErrno(place: string, object: Record<string, unknown>, number: string, name: string): number | undefined {
  const given = object[number] ?? undefined
  const errno = given === undefined ? undefined : checkInteger(`${place}${number}`, given, 0, MAX_ERRNO)
  if (object[name] === undefined || object[name] === null) return errno
  const known = constants.errno as Record<string, number>
  const named = known[checkWord(`${place}${name}`, object[name], Object.keys(known))]
  if (errno !== undefined && errno !== named) {
    throw invalid(
      TypeError,
      `${place}${name}`,
      `the name of ${number} ${errno}`,
      object[name],
      'Leave one of them out.',
    )
  }
  return named
}

function parseAction(
  place: string,
  value: unknown,
  errno: number | undefined,
  errnoPlace: string,
  defaultErrno: number,
) {
  const word = checkWord(place, value, Object.keys(ACTIONS))
  const action = ACTIONS[word]
  if (typeof action !== 'number') throw invalid(TypeError, place, 'an action that the kernel decides', value, action)
  if (action === RETURN.errno) return errnoAction(errno ?? defaultErrno)
  if (errno === undefined) return action
  throw invalid(TypeError, errnoPlace, 'no error number', errno, `${word} returns none: only SCMP_ACT_ERRNO does.`)
}

function parseNumber(place: string, value: unknown): bigint {
  if (value === undefined || value === null) return 0n
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const remedy = 'From 2^53 on a number of JavaScript is not exact: use a bigint.'
    throw invalid(RangeError, place, 'an integer from 0 to 2^64-1', value, remedy)
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw invalid(TypeError, place, 'an integer from 0 to 2^64-1', value)
  }
  const exact = BigInt(value)
  if (exact < 0n || exact > MAX_VALUE) {
    const remedy = exact < 0n ? 'Write what the register holds: 4294967295 for -1 of 32 bits.' : ''
    throw invalid(RangeError, place, 'an integer from 0 to 2^64-1', value, remedy)
  }
  return exact
}

function parseCondition(place: string, value: unknown): Condition {
  const given = checkKeys(place, value, ['index', 'value', 'valueTwo', 'op'])
  const index = checkInteger(`${place}.index`, given.index, 0, 5)
  const op = OPERATORS[checkWord(`${place}.op`, given.op, Object.keys(OPERATORS))] as Condition['op']
  const first = parseNumber(`${place}.value`, given.value)
  const second = parseNumber(`${place}.valueTwo`, given.valueTwo)
  const never = (where: string, why: string) =>
    invalid(TypeError, `${place}.${where}`, 'a comparison that can be true', given[where], why)
  if (op === 'masked_eq') {
    if (second & ~first) throw never('valueTwo', 'It has bits that the mask in `value` clears.')
    return { index, op, value: second, mask: first }
  }
  if (op === 'lt' && first === 0n) throw never('value', 'Nothing is less than 0.')
  if (op === 'gt' && first === MAX_VALUE) throw never('value', 'Nothing is greater than 2^64-1.')
  return { index, op, value: first, mask: MAX_VALUE }
}

function parseConditions(place: string, value: unknown): Condition[] {
  const conditions = list(place, value).map((condition, i) => parseCondition(`${place}[${i}]`, condition))
  for (const [i, { index }] of conditions.entries()) {
    if (conditions.findIndex((other) => other.index === index) === i) continue
    const remedy =
      'Engines differ in whether both or either of them must hold: write an entry for each, or a masked comparison.'
    throw invalid(TypeError, `${place}[${i}].index`, 'each argument once', index, remedy)
  }
  return conditions
}

function parseKernel(place: string, value: unknown): readonly [number, number] | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const match = typeof value === 'string' ? /^(\d+)\.(\d+)/.exec(value) : null
  if (!match) throw invalid(TypeError, place, "a kernel's version such as '4.8'", value)
  return [Number(match[1]), Number(match[2])]
}

function parseCapability(place: string, value: unknown): CapabilityName {
  const plain = typeof value === 'string' ? value.toLowerCase().replace(/^cap_/, '') : value
  if ((CAPABILITIES as readonly unknown[]).includes(plain)) return plain as CapabilityName
  throw invalid(TypeError, place, 'the name of a capability', value, didYouMean(plain, CAPABILITIES))
}

function parseSelector(place: string, value: unknown): Selector {
  if (value === undefined || value === null) return NO_SELECTOR
  const given = checkKeys(place, value, ['caps', 'arches', 'minKernel'])
  return {
    capabilities: list(`${place}.caps`, given.caps).map((name, i) => parseCapability(`${place}.caps[${i}]`, name)),
    architectures: words(`${place}.arches`, given.arches, GO_ARCHITECTURES),
    minKernel: parseKernel(`${place}.minKernel`, given.minKernel),
  }
}

function parseName(place: string, value: unknown): { name: string; place: string } {
  if (typeof value !== 'string') throw invalid(TypeError, place, 'the name of a system call', value)
  if (!isSyscall(value)) {
    const remedy = didYouMean(value, syscallNames()) || 'No architecture has it, up to Linux 6.18.'
    throw invalid(TypeError, place, 'the name of a system call', value, remedy)
  }
  return { name: value, place }
}

const ENTRY_KEYS = ['names', 'name', 'action', 'errnoRet', 'errno', 'args', 'comment', 'includes', 'excludes']

function parseEntry(place: string, value: unknown, defaultErrno: number): Entry {
  const given = checkKeys(place, value, ENTRY_KEYS)
  // Docker's first shape had one name per entry.
  const single = given.name === undefined || given.name === null || given.name === '' ? [] : [given.name]
  const names = list(`${place}.names`, given.names).map((name, i) => parseName(`${place}.names[${i}]`, name))
  for (const name of single) names.push(parseName(`${place}.name`, name))
  if (names.length === 0) throw invalid(TypeError, `${place}.names`, 'names of system calls', given.names)
  const errno = parseErrno(`${place}.`, given, 'errnoRet', 'errno')
  return {
    names,
    action: parseAction(`${place}.action`, given.action, errno, `${place}.errnoRet`, defaultErrno),
    conditions: parseConditions(`${place}.args`, given.args),
    includes: parseSelector(`${place}.includes`, given.includes),
    excludes: parseSelector(`${place}.excludes`, given.excludes),
  }
}

const PROFILE_KEYS = ['defaultAction', 'defaultErrnoRet', 'defaultErrno', 'architectures', 'archMap', 'syscalls']
const OCI_KEYS = ['flags', 'listenerPath', 'listenerMetadata']

// Only the machine's own architecture is ever filtered, and its others are refused; so these words decide nothing, and a
// misspelt one is a mistake all the same.
function checkArchitectures(option: string, given: Record<string, unknown>): void {
  words(`${option} architectures`, given.architectures, ARCHITECTURES)
  for (const [i, value] of list(`${option} archMap`, given.archMap).entries()) {
    const place = `${option} archMap[${i}]`
    const map = checkKeys(place, value, ['architecture', 'subArchitectures'])
    checkWord(`${place}.architecture`, map.architecture, ARCHITECTURES)
    words(`${place}.subArchitectures`, map.subArchitectures, ARCHITECTURES)
  }
}

/**
 * Reads a profile.
 *
 * @throws TypeError or RangeError that names the place of what cannot be taken
 */
export function parseProfile(option: string, value: unknown): Profile {
  const given = checkKeys(option, value, [...PROFILE_KEYS, ...OCI_KEYS])
  // A new process has one thread, so that there is nothing to synchronise.
  words(`${option} flags`, given.flags, ['SECCOMP_FILTER_FLAG_TSYNC'])
  for (const key of ['listenerPath', 'listenerMetadata']) {
    if (given[key]) throw invalid(TypeError, `${option} ${key}`, 'no listener', given[key], 'The sandbox has its own.')
  }
  checkArchitectures(option, given)
  const errno = parseErrno(`${option} `, given, 'defaultErrnoRet', 'defaultErrno')
  const place = `${option} defaultAction`
  const defaultAction = parseAction(place, given.defaultAction, errno, `${option} defaultErrnoRet`, EPERM)
  const entries = list(`${option} syscalls`, given.syscalls).map((entry, i) =>
    parseEntry(`${option} syscalls[${i}]`, entry, EPERM),
  )
  return Object.freeze({ defaultAction, entries: Object.freeze(entries) })
}
