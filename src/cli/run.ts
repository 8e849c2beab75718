// `cofferdam run`: one command in a sandbox, used as env(1) or timeout(1) is.
//
// A caller who sits before a terminal with all three streams: the command has a terminal of the sandbox's own, and both are
// joined. Otherwise the streams are handed on as they are, and until the command has ended this process touches none of
// them: Node makes a pipe non-blocking when it opens it, for everybody who has it, and a program that writes to such a pipe
// loses what does not fit.

import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import type { SandboxProcess } from '../process.js'
import type { SandboxResult } from '../result-types.js'
import type { Sandbox } from '../sandbox.js'
import { TerminalProcess } from '../terminal.js'
import type { SpawnOptions } from '../types.js'
import { didYouMean } from '../validate.js'
import { type Call, type Command, has, type Option, UsageError } from './command.js'
import { FAILED, statusOfError, statusOfResult, statusOfSignal, wasAborted } from './exit-status.js'
import { failureLine, failureOf } from './failure.js'
import { FLAGS } from './flags.js'
import { flagLines, flagNames } from './help.js'
import { complain, print } from './print.js'
import { recipeOf } from './recipe.js'
import { SignalRelay } from './signals.js'
import { connectTerminal, sizeOf } from './terminal.js'

const HELP = `Usage: cofferdam run [options] [--] command [argument...]

Runs a command in a sandbox of its own, with this terminal, these pipes or files
as its stdin, stdout and stderr. Options end where the command begins.

${flagNames()}

  --no-pty          on a terminal: no terminal of the command's own
  --json            the result as JSON, with what the command wrote in it
  --encoding NAME   how that is written there: utf8, base64, hex...
  --help-all        a line for each option; --help: this text

Lists are written a,b or by giving the flag again; sizes 64KiB, 1.5GiB;
durations 200ms, 1.5s, 2m; a path's own ',' or ':' has a backslash before it.

Exit status: the command's own, or 128+n for one that signal n has ended; 124 at
a time limit, 137 at another that ends it; 126 when it cannot be executed, 127
when it is not there, 125 when the failure is the sandbox's or of this call.
`

const HELP_ALL = `Usage: cofferdam run [options] [--] command [argument...]

${flagLines()}
`

/** Options that make no part of a recipe. */
const OWN: readonly Option[] = [
  { name: 'no-pty' },
  { name: 'json' },
  { name: 'encoding', value: 'NAME' },
  { name: 'help-all' },
]

/** What `run` keeps of a program's output for `--json`, as the API does. */
const MAX_OUTPUT = '64MiB'

function encodingOf({ given }: Call, json: boolean): BufferEncoding {
  const name = given.findLast((option) => option.name === 'encoding')?.value
  if (name === undefined) return 'utf8'
  const flag = '--encoding'
  if (!json) throw new UsageError(`${flag} is about what --json prints.`, { flag, suggestion: 'Add --json.' })
  if (Buffer.isEncoding(name)) return name
  const message = `${flag}: expected an encoding that Buffer knows, but received '${name}'.`
  const known = ['utf8', 'base64', 'base64url', 'hex', 'latin1', 'ascii', 'utf16le']
  throw new UsageError(message, { flag, suggestion: didYouMean(name, known) || `Write one of ${known.join(', ')}.` })
}

/**
 * The standard streams of the command. One that leads elsewhere keeps all three as they are: what is shown and what is an
 * error would come together on a terminal.
 */
function streamsOf(call: Call, json: boolean): SpawnOptions {
  if (json) return { stdin: 'inherit', stdout: 'pipe', stderr: 'pipe' }
  if (!has(call, 'no-pty') && [0, 1, 2].every((fd) => isatty(fd))) return { pty: sizeOf() }
  return { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }
}

async function gathered(stream: Readable | null): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** All that a result says, and what the command wrote. */
function jsonOf(result: SandboxResult, exitStatus: number, stdout: string, stderr: string): string {
  const { explain: _, throwIfFailed: __, ...said } = result
  return `${JSON.stringify({ ...said, explanation: result.explain(), exitStatus, stdout, stderr }, undefined, 2)}\n`
}

async function start(
  recipe: Sandbox,
  words: readonly string[],
  relay: SignalRelay,
  streams: SpawnOptions,
): Promise<SandboxProcess> {
  const [file = '', ...args] = words
  const child = await recipe.spawn(file, args, { ...streams, signal: relay.signal })
  relay.attach(child)
  return child
}

async function finish(
  child: SandboxProcess,
  relay: SignalRelay,
  encoding: BufferEncoding | undefined,
): Promise<number> {
  const output = encoding && Promise.all([gathered(child.stdout), gathered(child.stderr)])
  if (child instanceof TerminalProcess) await connectTerminal(child)
  const result = await child.wait()
  await child.closed
  const status = statusOfResult(result, relay.told)
  if (output) {
    const [stdout, stderr] = (await output).map((bytes) => bytes.toString(encoding)) as [string, string]
    print(jsonOf(result, status, stdout, stderr))
  } else if (!['exited', 'signaled', 'aborted'].includes(result.outcome)) {
    complain(`cofferdam run: ${result.explain()}\n`)
  }
  return status
}

function recipeFor(call: Call, json: boolean): Sandbox {
  const recipe = recipeOf(call.given)
  const bounded = call.given.some(({ name }) => name === 'output')
  return json && !bounded ? recipe.limits({ output: MAX_OUTPUT }) : recipe
}

async function runCommand(call: Call): Promise<number> {
  const json = has(call, 'json')
  const encoding = encodingOf(call, json)
  const recipe = recipeFor(call, json)
  if (call.words.length === 0) {
    throw new UsageError('expected a command.', {
      suggestion: 'Write cofferdam run [options] -- command [argument...].',
    })
  }
  const relay = new SignalRelay()
  try {
    const child = await start(recipe, call.words, relay, streamsOf(call, json))
    return await finish(child, relay, json ? encoding : undefined)
  } catch (error) {
    if (relay.told && wasAborted(error)) return statusOfSignal(relay.told)
    const failure = failureOf(error)
    if (!failure) throw error
    complain(failureLine(failure, 'run', json))
    return statusOfError(error, call.words[0])
  } finally {
    relay.detach()
  }
}

export const run: Command = {
  name: 'run',
  summary: 'a command in a sandbox of its own',
  help: HELP,
  options: [...FLAGS, ...OWN],
  takesCommand: true,
  failure: FAILED,
  async run(call) {
    if (!has(call, 'help-all')) return runCommand(call)
    print(HELP_ALL)
    return 0
  },
}
