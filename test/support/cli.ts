// The command `cofferdam` as a process of its own, the way a shell starts it.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type CommandResult, ended } from './command.js'

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** What the test runner sets, and a terminal's user does not. */
const PLAIN = { FORCE_COLOR: undefined, NO_COLOR: undefined, NODE_DEBUG: undefined }

export interface CliOptions {
  /** What it reads from stdin. @default nothing: an empty pipe */
  input?: string
  env?: NodeJS.ProcessEnv
  uid?: number
  cwd?: string
}

/** Starts it; its stdin is a pipe that is open. */
export function startCli(args: readonly string[], { env, uid, cwd }: CliOptions = {}): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...PLAIN, ...env },
    stdio: 'pipe',
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid, gid: uid }),
  })
}

/** The same, to its end. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<CommandResult> {
  const child = startCli(args, options)
  // A command that reads nothing has gone before all is written.
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  return ended(child)
}

/** Lines of a shell in which `cofferdam` is the command, and `npx cofferdam`, too. */
export function shell(lines: string): Promise<CommandResult> {
  const script = `cofferdam() { "$NODE" "$CLI" "$@"; }\nnpx() { "$@"; }\n${lines}`
  const env = { ...process.env, ...PLAIN, NODE: process.execPath, CLI }
  return ended(spawn('bash', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
}
