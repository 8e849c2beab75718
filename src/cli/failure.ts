// What went wrong, as the command line says it: one line, in the words of flags where the API speaks of methods; or the
// same as JSON.

import { SandboxError, SandboxSetupError, SandboxUnsupportedError } from '../errors.js'
import { INVALID_OPTION, refusedBy, show } from '../validate.js'
import { UsageError } from './command.js'
import { FLAGS, flagThatSets } from './flags.js'

/** An error of `--json`. */
export interface Failure {
  /** `'ERR_SANDBOX_...'`; of a call that cannot be understood, that of a bad option. */
  readonly code: string
  /** One line. */
  readonly message: string
  /** The flag that it is about, with its hyphens. */
  readonly flag?: string
  /** What to do about it, or to write instead; part of the message, too. */
  readonly suggestion?: string
  /** Which step of the setup failed. */
  readonly step?: string
  /** The errno's name, of a step that failed. */
  readonly errno?: string
  /** What that step was about. */
  readonly path?: string
}

const VERBS = [...new Set(FLAGS.map(({ sets }) => sets.split('.')[0] as string))]
const CALL = new RegExp(`\\b(${VERBS.join('|')})\\(([^()]*)\\)`, 'g')

// `rootfs(dir, { mode: 'readonly', upper })` to `--rootfs-mode readonly --rootfs-upper`.
function flagsOfCall(call: string, verb: string, args: string): string {
  const [, before = '', keys] = /^([^{]*)(?:\{(.*)\})?$/s.exec(args) ?? []
  const word = /'([^']*)'/.exec(before)?.[1]
  const options = [...(keys ?? '').matchAll(/(\w+)(?:: (?:\[?'([^']*)'\]?|(\S+?))(?=,|\s|$))?/g)]
  const flags = options.map(([, key, quoted, bare]) => {
    const flag = flagThatSets(`${verb}.${key}`)
    const value = quoted ?? bare
    return flag && (value === undefined ? flag : `${flag} ${value}`)
  })
  if (flags.some((flag) => flag === undefined)) return call
  const own = flagThatSets(verb)
  const first = own && (word !== undefined ? [`${own} ${word}`] : flags.length === 0 ? [own] : [])
  if (first === undefined && flags.length === 0) return call
  return [...(first ?? []), ...flags].join(' ')
}

/** A sentence of the API, with flags for methods: `share('net')` is `--share net`. */
export function inFlags(sentence: string): string {
  return sentence.replaceAll(CALL, (call, verb: string, args: string) => flagsOfCall(call, verb, args))
}

/** The flag of an option as errors name it: `limits().cpuTime`, `rootfs() layer 0`, `limits.memory`. */
export function flagOfOption(option: string): string | undefined {
  const [, verb, key] = /^(\w+)(?:\(\))?(?:(?: options)?[. ](\w+))?/.exec(option) ?? []
  const exact = flagThatSets(`${verb}.${key}`) ?? flagThatSets(`${verb}`)
  // What is about several keys of a verb at once.
  return exact ?? (FLAGS.some(({ sets }) => sets.startsWith(`${verb}.`)) ? `--${verb}-*` : undefined)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim()
}

const hyphened = (text: string) => text.replaceAll(/(?<=\w)[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

function ofOption(error: Error): Failure {
  const refused = refusedBy(error)
  if (!refused) return { code: INVALID_OPTION, message: inFlags(error.message) }
  const { option, expected, received, remedy } = refused
  const flag = flagOfOption(option)
  // Keys within a flag's value are written with hyphens, too.
  const isKey = expected === 'known options only'
  const said = inFlags(isKey ? hyphened(remedy) : remedy)
  const suggestion = said === '' ? undefined : said
  const shown = show(isKey ? hyphened(String(received)) : received)
  const what = flag === undefined ? error.message : `${flag}: expected ${expected}, but received ${shown}.`
  return {
    code: INVALID_OPTION,
    message: flag !== undefined && suggestion !== undefined ? `${what} ${suggestion}` : what,
    ...(flag !== undefined && { flag }),
    ...(suggestion !== undefined && { suggestion }),
  }
}

function ofSandbox(error: SandboxError): Failure {
  const flag = error instanceof SandboxUnsupportedError ? flagOfOption(error.feature) : undefined
  const message = inFlags(error.message)
  return {
    code: error.sandboxCode,
    message: flag === undefined ? message : `${flag}: ${lowerFirst(message)}`,
    ...(flag !== undefined && { flag }),
    ...(error.hint !== undefined && { suggestion: inFlags(error.hint) }),
    ...(error instanceof SandboxSetupError && {
      step: error.step,
      errno: error.code,
      ...(error.path !== undefined && { path: error.path }),
    }),
  }
}

/** What the command line says about an error; `undefined` for one that nobody has foreseen. */
export function failureOf(error: unknown): Failure | undefined {
  let failure: Failure | undefined
  if (error instanceof UsageError) {
    const { message, flag, suggestion } = error
    failure = { code: INVALID_OPTION, message, ...(flag && { flag }), ...(suggestion && { suggestion }) }
  } else if (error instanceof SandboxError) failure = ofSandbox(error)
  else if (error instanceof Error && (error as NodeJS.ErrnoException).code === INVALID_OPTION) failure = ofOption(error)
  return failure && { ...failure, message: oneLine(failure.message) }
}

/** One line for stderr, with its end. `command` is the sub-command, if it came to that. */
export function failureLine(failure: Failure, command: string | undefined, json: boolean): string {
  if (json) return `${JSON.stringify({ error: failure })}\n`
  return `cofferdam${command === undefined ? '' : ` ${command}`}: ${failure.message}\n`
}
