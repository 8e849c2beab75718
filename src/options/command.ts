// One command: arguments of env(), cwd(), user(), spawn(), run().

import type { Recipe } from '../recipe.js'
import type { OpenOptions, RunOptions, SpawnOptions } from '../types.js'
import {
  checkAbsolute,
  checkInteger,
  checkKeys,
  checkText,
  checkWord,
  contradiction,
  didYouMean,
  invalid,
} from '../validate.js'
import { parsePty, refusePty, type TerminalSize } from './terminal.js'

const MAX_ID = 65535
// A record's length is 31 bits; see wire_bytes in binding/init/wire.h.
const MAX_INPUT = 2 ** 30

/** Where a standard stream goes, as the addon is told. */
export type Stdio =
  | { readonly kind: 'null' | 'pipe' | 'collect' | 'terminal' }
  | { readonly kind: 'fd'; readonly fd: number }
  | { readonly kind: 'path'; readonly path: string; readonly append: boolean }
  | { readonly kind: 'feed'; readonly input: string | Uint8Array }

/** A program and its arguments, as `execve(2)` gets them. */
export interface Command {
  readonly file: string
  readonly argv: readonly string[]
}

/** The environment after `env(variables)`: what is `undefined` is removed. */
export function mergeEnvironment(
  before: Readonly<Record<string, string>>,
  variables: unknown,
): Readonly<Record<string, string>> {
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
    throw invalid(TypeError, 'env()', 'an object of strings', variables)
  }
  // No prototype, so that a variable called __proto__ is one like any other.
  const merged: Record<string, string> = Object.assign(Object.create(null), before)
  for (const [name, value] of Object.entries(variables)) {
    checkText('env() name', name)
    if (name.includes('=')) throw invalid(TypeError, 'env() name', "a name without '='", name)
    if (value === undefined) delete merged[name]
    else merged[name] = checkText(`env().${name}`, value, { empty: true })
  }
  return Object.freeze(merged)
}

/** The working directory inside the sandbox. */
export function parseCwd(value: unknown): string {
  return checkAbsolute('cwd()', value)
}

/** The ids inside the sandbox. */
export function parseUser(uid: unknown, gid: unknown): { readonly uid: number; readonly gid: number } {
  const checkedUid = checkInteger('user() uid', uid, 0, MAX_ID)
  return Object.freeze({
    uid: checkedUid,
    gid: gid === undefined ? checkedUid : checkInteger('user() gid', gid, 0, MAX_ID),
  })
}

/** When subordinate ids are used, and which id is the caller's. */
export function parseSubordinateIds(use: unknown, value: unknown): Recipe['subordinateIds'] {
  const word = checkWord('subordinateIds()', use, ['auto', 'always', 'never'])
  const options = value === undefined ? {} : checkKeys('subordinateIds() options', value, ['callerId'])
  const { callerId } = options
  if (callerId === undefined) return Object.freeze({ use: word, callerId })
  const checked = checkInteger('subordinateIds() callerId', callerId, 0, MAX_ID)
  if (word !== 'always') {
    throw contradiction(
      `subordinateIds('${word}', { callerId: ${checked} }) may leave the command with one id, which is the caller's ` +
        "whatever it is called. Write subordinateIds('always', { callerId }), or leave `callerId` out.",
    )
  }
  return Object.freeze({ use: word, callerId: checked })
}

/** The command; `argv[0]` is the file as it was given. */
export function parseCommand(method: string, file: unknown, args: unknown): Command {
  const program = checkText(`${method} file`, file)
  if (args !== undefined && !Array.isArray(args)) {
    throw invalid(TypeError, `${method} args`, 'an array of strings', args, 'Options are the third argument.')
  }
  const argv = [program]
  if (args === undefined) return { file: program, argv }
  for (const [i, argument] of args.entries()) argv.push(checkText(`${method} args[${i}]`, argument, { empty: true }))
  return { file: program, argv }
}

function parseSignal(method: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw invalid(TypeError, `${method} signal`, 'an AbortSignal', value)
}

const STDIO_WORDS = ['pipe', 'ignore', 'inherit']
const STDIO_EXPECTED =
  "'pipe', 'ignore', 'inherit', a descriptor number, a stream with a descriptor, { path }, or a path with a slash in it"

function parseStdio(option: string, value: unknown, fd: number): Stdio {
  if (value === undefined || value === 'pipe') return { kind: 'pipe' }
  if (value === 'ignore') return { kind: 'null' }
  if (value === 'inherit') return { kind: 'fd', fd }
  if (typeof value === 'string' && value.includes('/'))
    return { kind: 'path', path: checkText(option, value), append: false }
  if (typeof value === 'number') return { kind: 'fd', fd: checkInteger(option, value, 0, 2 ** 31 - 1) }
  if (typeof value === 'object' && value !== null && 'fd' in value) {
    if (typeof value.fd === 'number' && value.fd >= 0) return { kind: 'fd', fd: value.fd }
    throw invalid(
      TypeError,
      option,
      'a stream that is open',
      value,
      "A file stream has its descriptor after its 'open' event.",
    )
  }
  if (typeof value === 'object' && value !== null && 'path' in value) {
    const file = checkKeys(option, value, ['path', 'append'])
    if (file.append !== undefined && typeof file.append !== 'boolean')
      throw invalid(TypeError, `${option}.append`, 'a boolean', file.append)
    return { kind: 'path', path: checkText(`${option}.path`, file.path), append: file.append === true }
  }
  throw invalid(TypeError, option, STDIO_EXPECTED, value, didYouMean(value, STDIO_WORDS))
}

const TERMINAL: Stdio = { kind: 'terminal' }

/** Options of `spawn()`. */
export function parseSpawnOptions(value: unknown): {
  stdio: readonly [Stdio, Stdio, Stdio]
  terminal: TerminalSize | undefined
  signal: AbortSignal | undefined
} {
  const known = ['stdin', 'stdout', 'stderr', 'pty', 'signal']
  const options = checkKeys('spawn() options', value ?? {}, known) as SpawnOptions
  const terminal = parsePty(options)
  const signal = parseSignal('spawn()', options.signal)
  if (terminal) return { stdio: [TERMINAL, TERMINAL, TERMINAL], terminal, signal }
  return {
    terminal,
    stdio: [
      parseStdio('spawn() stdin', options.stdin, 0),
      parseStdio('spawn() stdout', options.stdout, 1),
      parseStdio('spawn() stderr', options.stderr, 2),
    ],
    signal,
  }
}

/** Options of `open()`. */
export function parseOpenOptions(value: unknown): { signal: AbortSignal | undefined } {
  const options = checkKeys('open() options', value ?? {}, ['signal']) as OpenOptions
  return { signal: parseSignal('open()', options.signal) }
}

/** The streams of a command that is run without input: one object, by which its request is known to begin like others. */
export const NO_INPUT: readonly [Stdio, Stdio, Stdio] = Object.freeze([
  { kind: 'null' },
  { kind: 'collect' },
  { kind: 'collect' },
] as const)

/** Options of `run()` after validation. */
export interface RunSettings {
  readonly stdio: readonly [Stdio, Stdio, Stdio]
  readonly signal: AbortSignal | undefined
  readonly encoding: BufferEncoding | 'buffer'
}

const PLAIN_RUN: RunSettings = Object.freeze({ stdio: NO_INPUT, signal: undefined, encoding: 'utf8' })

/** Options of `run()`. */
export function parseRunOptions(value: unknown): RunSettings {
  if (value === undefined) return PLAIN_RUN
  refusePty('run()', value)
  const options = checkKeys('run() options', value ?? {}, ['input', 'encoding', 'signal']) as RunOptions
  const { input, encoding = 'utf8' } = options
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array)) {
    throw invalid(TypeError, 'run() input', 'a string or a Uint8Array', input)
  }
  if (input !== undefined && Buffer.byteLength(input) > MAX_INPUT) {
    throw invalid(
      RangeError,
      'run() input',
      'at most 1 GiB',
      input.length,
      'Use spawn() and write to its stdin, or give it a file.',
    )
  }
  if (encoding !== 'buffer' && !Buffer.isEncoding(encoding)) {
    throw invalid(TypeError, 'run() encoding', "'buffer' or an encoding that Buffer knows", encoding)
  }
  return {
    stdio: input === undefined ? NO_INPUT : [{ kind: 'feed', input }, NO_INPUT[1], NO_INPUT[2]],
    signal: parseSignal('run()', options.signal),
    encoding,
  }
}
