// Which version of Landlock this process has.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { nativeBinding } from '../binding.js'
import type { LandlockFacts } from './plan.js'
import { RELEASES } from './rights.js'

const { EOPNOTSUPP, ENOSYS } = constants.errno
// libuv's name for EOPNOTSUPP, ENOTSUP, is not the one that landlock_create_ruleset(2) uses.
const NAMES: Readonly<Record<number, string>> = { [EOPNOTSUPP]: 'EOPNOTSUPP', [ENOSYS]: 'ENOSYS' }

function filtered(): boolean {
  try {
    return /^Seccomp:\s*2$/m.test(readFileSync('/proc/self/status', 'utf8'))
  } catch {
    return true
  }
}

/**
 * Asks the kernel. Under a seccomp filter, which may kill whoever makes a call that it does not know, a forked child
 * asks; that costs more, once. Where the addon cannot be loaded the answer does not matter: the first start says so.
 */
export function readLandlock(): LandlockFacts {
  try {
    const { errno, value } = nativeBinding().probe('landlock-version', !filtered())
    if (errno === 0) return Object.freeze({ abi: value })
    const other = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `E${errno}`
    return Object.freeze({ abi: 0, code: NAMES[errno] ?? other })
  } catch {
    return Object.freeze({ abi: RELEASES.length - 1 })
  }
}
