// Whether this process has more rights than whoever chose its environment, which is then not to be followed.

import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'

/** `<linux/auxvec.h>`: set by execve(2) for set-user-id programs and ones with file capabilities (getauxval(3)). */
const AT_SECURE = 23n

/** `/proc/self/auxv`: pairs of a type and a value, each of eight bytes on the platforms that this package is for. */
function auxiliaryValue(type: bigint): bigint | undefined {
  try {
    const bytes = readFileSync('/proc/self/auxv')
    const word = (at: number) => (endianness() === 'LE' ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
    for (let at = 0; at + 16 <= bytes.length; at += 16) if (word(at) === type) return word(at + 8)
  } catch {
    // No /proc, or one of somebody else's processes: the ids are what is left to look at.
  }
  return undefined
}

/** The kernel's own answer, in which the C library ignores LD_PRELOAD and Node NODE_OPTIONS. */
export function isSecureExecution(): boolean {
  if (process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.()) return true
  return (auxiliaryValue(AT_SECURE) ?? 0n) !== 0n
}
