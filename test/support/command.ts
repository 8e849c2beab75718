// Runs a command to its end and keeps what it wrote.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

export interface CommandResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** stdin is empty; a command that fails is a result, one that cannot be started an error. */
export function run(file: string, args: readonly string[], options: SpawnOptions = {}): Promise<CommandResult> {
  return ended(spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** The same for a process that runs already. */
export function ended(child: ChildProcess): Promise<CommandResult> {
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done({ code, signal, stdout: stdout.text, stderr: stderr.text }))
  })
}

function collect(stream: NodeJS.ReadableStream | null): { text: string } {
  const collected = { text: '' }
  stream?.setEncoding('utf8')
  stream?.on('data', (chunk: string) => {
    collected.text += chunk
  })
  return collected
}
