// Runs child.ts, for so long and no longer, and gathers its lines.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Message } from './child.js'
import type { Finding } from './probe.js'
import type { StartVerdict } from './report-types.js'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
/** How long a child that has said everything may take to end. */
const GOODBYE_MS = 2000
const STDERR_KEPT = 2000

/** What the child has said. */
export interface Findings {
  readonly findings: ReadonlyMap<string, Finding>
  readonly verdicts: Partial<Record<'defaultSandbox' | 'limitedSandbox', StartVerdict>>
  /** Why there is no more; `undefined` when it has said everything. */
  readonly problem: string | undefined
}

interface Gathered {
  findings: Map<string, Finding>
  verdicts: Partial<Record<'defaultSandbox' | 'limitedSandbox', StartVerdict>>
}

function environment(): NodeJS.ProcessEnv {
  // What is meant for this process only: an inspector's port, preloaded modules, a parent's channel.
  const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...rest } = process.env
  return rest
}

function receive(line: string, into: Gathered): void {
  let message: Message
  try {
    message = JSON.parse(line) as Message
  } catch {
    return
  }
  if (message.kind === 'finding') into.findings.set(message.name, message.finding)
  else into.verdicts[message.name] = message.verdict
}

async function converse(
  child: ChildProcess,
  timeoutMs: number,
  into: Gathered,
  expected: number,
): Promise<string | undefined> {
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, STDERR_KEPT)
  })
  let late = false
  let timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const lines = child.stdout && createInterface({ input: child.stdout })
  lines?.on('line', (line) => {
    receive(line, into)
    if (into.findings.size < expected) return
    clearTimeout(timer)
    timer = setTimeout(() => child.kill('SIGKILL'), GOODBYE_MS)
  })
  const end = await new Promise<string>((done) => {
    child.once('error', (error) => done(error.message))
    child.once('close', (code, signal) => done(signal ?? `exit code ${code}`))
  })
  clearTimeout(timer)
  lines?.close()
  if (into.findings.size >= expected) return undefined
  if (late) return `it was not known after ${timeoutMs} ms.`
  const why = stderr.split('\n').find((line) => /^\w*Error/.test(line)) ?? ''
  return `the process that tries it ended early (${end})${why === '' ? '.' : `: ${why}`}`
}

/** Asks the child; never rejects. `expected` is how many findings there will be. */
export async function runChild(timeoutMs: number, expected: number): Promise<Findings> {
  const into: Gathered = { findings: new Map(), verdicts: {} }
  // The child makes it, and removes it at its end: this thread may have been terminated by then. Both do, for the child
  // may have been killed.
  const scratch = join(tmpdir(), `cofferdam-doctor-${randomUUID()}`)
  let problem: string | undefined
  try {
    const child = spawn(process.execPath, [CHILD, scratch], {
      cwd: '/',
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    problem = await converse(child, timeoutMs, into, expected)
  } catch (error) {
    // The permission model, for one, throws.
    problem = `no process could be started to try it: ${(error as Error).message}.`
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
  }
  return { ...into, problem }
}
