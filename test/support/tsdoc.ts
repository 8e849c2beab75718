// The examples in the documentation of what is exported: `@example` of every declaration in dist/.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))

export interface Example {
  /** The file of declarations, and which of its examples this is, counted from 1. */
  readonly origin: string
  readonly code: string
}

export function documentedExamples(): Example[] {
  const names = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
  return names.sort().flatMap((name) => {
    const comments = readFileSync(join(DIST, name), 'utf8').match(/\/\*\*.*?\*\//gs) ?? []
    const examples = comments.flatMap((comment) => {
      const plain = comment.replaceAll(/^\s*\/?\*+\/? ?/gm, '').replace(/\*\/\s*$/, '')
      // An example ends where the next tag begins.
      return plain.split(/^@example\b|\s@example\b/m).slice(1)
    })
    return examples.map((part, i) => ({
      origin: `${name}: @example ${i + 1}`,
      code: part.replace(/^@\w[\s\S]*/m, '').trim(),
    }))
  })
}

/** What examples may use of the package without importing it. */
export const EXPORTS = [
  'sandbox',
  'SandboxError',
  'SandboxSetupError',
  'SandboxUnsupportedError',
  'SandboxExecutionError',
  'SandboxPool',
  'checkHost',
  'delegateCgroup',
] as const
