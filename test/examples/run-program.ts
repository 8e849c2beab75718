// Runs a program of examples/ in a process of its own, as a user would.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TestContext } from '../support/suite.js'

export const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))

export interface RunOptions {
  args?: string[]
  env?: NodeJS.ProcessEnv
}

export interface Ended {
  stdout: string
  stderr: string
  exitCode: number | null
}

export async function runProgram(path: string, t: TestContext, options: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...(options.args ?? [])], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
  })
  child.on('error', () => {}) // ended with the test's time
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, exitCode }
}
