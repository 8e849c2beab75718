// The argument of seccomp(): a word, or a profile.

import type { SeccompRecipe } from '../seccomp/filter.js'
import { OPTION } from '../seccomp/filter.js'
import { parseProfile } from '../seccomp/parse.js'
import { checkWord, invalid } from '../validate.js'

const WORDS = ['default', 'strict', 'off'] as const

/** What `seccomp()` was given. */
export function parseSeccomp(value: unknown): SeccompRecipe {
  if (typeof value === 'string') {
    if (value.trimStart().startsWith('{')) {
      throw invalid(TypeError, OPTION, 'a profile as an object', value, 'JSON.parse() makes one of its text.')
    }
    return Object.freeze({ kind: checkWord(OPTION, value, WORDS) })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(TypeError, OPTION, "'default', 'strict', 'off', or a profile in Docker's shape", value)
  }
  return Object.freeze({ kind: 'profile' as const, profile: parseProfile(OPTION, value) })
}
