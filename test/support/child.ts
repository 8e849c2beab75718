// A Node process of a test's own: for what a test cannot do to the process it runs in (be killed, exit in the middle, be
// another user, have few descriptors).
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type CommandResult, ended } from './command.js'

export interface NodeOptions {
  env?: NodeJS.ProcessEnv
  /** Run as this user; it must be able to read the checkout. */
  uid?: number
  gid?: number
  /** Flags of Node itself. */
  flags?: readonly string[]
  /** Seen as process.argv from 1 on. */
  args?: readonly string[]
  /** Words of a command that ends by executing its arguments, which are Node's. */
  wrap?: readonly string[]
  /** Shell commands before Node is started, `ulimit -n 256` say. */
  before?: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Starts Node on the text of an ES module, in which `import 'cofferdam'` is the built package. */
export function startNode(source: string, options: NodeOptions = {}): ChildProcess {
  const { env, uid, gid = uid, flags = [], args = [], before = ':', wrap = [] } = options
  const node = [process.execPath, ...flags, '--input-type=module', '--eval', source, '--', ...args]
  return spawn('sh', ['-c', `${before} && exec "$@"`, 'sh', ...wrap, ...node], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: gid ?? uid }),
  })
}

/** The same, to its end. */
export function runNode(source: string, options: NodeOptions = {}): Promise<CommandResult> {
  return ended(startNode(source, options))
}
