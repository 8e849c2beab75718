// What a filter answers to a call, in words.
import type { CapabilityName } from '../../src/capabilities.js'
import { type FilterDuties, filterOf, type SeccompRecipe } from '../../src/seccomp/filter.js'
import { type Architecture, AUDIT_ARCH, syscallNumbers } from '../../src/seccomp/tables.js'
import { interpret } from './bpf-interpreter.js'

export interface Asked {
  architecture?: Architecture
  capabilities?: readonly CapabilityName[]
  duties?: FilterDuties
}

const WORDS: Record<number, string> = {
  2147418112: 'allow',
  2147221504: 'log',
  2143289344: 'violation',
  196608: 'trap',
}
const ERRNOS: Record<number, string> = { 1: 'EPERM', 13: 'EACCES', 25: 'ENOTTY', 38: 'ENOSYS', 97: 'EAFNOSUPPORT' }

/** `allow`, `violation`, `EPERM`... for a call by name, or by number and audit architecture. */
export function verdict(
  seccomp: SeccompRecipe,
  call: string | { number: number; audit: number },
  args: readonly (number | bigint)[] = [],
  { architecture = 'x86_64', capabilities = [], duties = {} }: Asked = {},
): string {
  const filter = filterOf(seccomp, capabilities, { architecture, kernel: [6, 12] }, duties)
  const number = typeof call === 'string' ? syscallNumbers(architecture).get(call) : call.number
  if (number === undefined || !filter) throw new Error(`${architecture} has no ${call}, or there is no filter`)
  const values = Array.from({ length: 6 }, (_, i) => BigInt.asUintN(64, BigInt(args[i] ?? 0)))
  const audit = typeof call === 'string' ? AUDIT_ARCH[architecture] : call.audit
  const { value } = interpret(filter.bytes, { architecture: audit, number, arguments: values })
  const errno = value - 0x50000
  return WORDS[value] ?? (errno >= 0 && errno < 4096 ? (ERRNOS[errno] ?? `errno ${errno}`) : `0x${value.toString(16)}`)
}
