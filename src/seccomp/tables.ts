// Names and numbers of system calls, by architecture.

import { AARCH64, ELSEWHERE, I386, X86_64 } from './syscalls.js'

/** A machine that filters are made for, by its kernel name. */
export type Architecture = 'x86_64' | 'aarch64'

/** `AUDIT_ARCH_*` of `<linux/audit.h>`: ELF machine, 64-bit and little-endian flags. */
export const AUDIT_ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7, i386: 0x40000003, arm: 0x40000028 } as const

/** A number with this bit is a call of the x32 ABI, under the audit architecture of x86_64 (`<asm/unistd.h>`). */
export const X32_BIT = 0x40000000

interface Table {
  readonly numbers: ReadonlyMap<string, number>
  readonly names: ReadonlyMap<number, string>
}

function unpack(packed: string): Table {
  const numbers = new Map<string, number>()
  const names = new Map<number, string>()
  let next = 0
  for (const word of packed.trim().split(/\s+/)) {
    if (word.startsWith('@')) {
      next = Number(word.slice(1))
    } else {
      numbers.set(word, next)
      names.set(next++, word)
    }
  }
  return { numbers, names }
}

const PACKED = { x86_64: X86_64, aarch64: AARCH64, i386: I386 } as const
const tables = new Map<keyof typeof PACKED, Table>()
let elsewhere: ReadonlySet<string> | undefined

// Unpacked when first wanted: who runs no sandbox, or one without a filter, does not pay for it.
function table(architecture: keyof typeof PACKED): Table {
  let found = tables.get(architecture)
  if (!found) {
    found = unpack(PACKED[architecture])
    tables.set(architecture, found)
  }
  return found
}

/** Every call of an architecture that this package knows. */
export function syscallNumbers(architecture: Architecture): ReadonlyMap<string, number> {
  return table(architecture).numbers
}

/** Whether any architecture has a call of this name. */
export function isSyscall(name: string): boolean {
  if (['x86_64', 'aarch64', 'i386'].some((known) => table(known as keyof typeof PACKED).numbers.has(name))) return true
  elsewhere ??= new Set(ELSEWHERE.trim().split(/\s+/))
  return elsewhere.has(name)
}

/** All names, for "did you mean". */
export function syscallNames(): string[] {
  return [...new Set([...table('x86_64').numbers.keys(), ...table('aarch64').numbers.keys()])]
}

/** What a call was, from the audit architecture and the number that the kernel reports. */
export function describeCall(audit: number, number: number): { architecture: string; syscall: string } {
  const known = Object.entries(AUDIT_ARCH).find(([, value]) => value === audit)?.[0]
  const x32 = audit === AUDIT_ARCH.x86_64 && (number & X32_BIT) !== 0 && number >= 0
  const architecture = x32 ? 'x32' : (known ?? `0x${audit.toString(16)}`)
  const plain = x32 ? number & ~X32_BIT : number
  const counted = x32 ? 'x86_64' : architecture
  const names = counted in PACKED ? table(counted as keyof typeof PACKED).names : undefined
  return { architecture, syscall: names?.get(plain) ?? `#${plain}` }
}
