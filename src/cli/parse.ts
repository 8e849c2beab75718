// A command line taken apart by Node's own util.parseArgs. A maintained parser, and the package then brings none into
// every installation: everything here that a larger one would add (lists, sizes, suggestions, help) comes from the table
// of flags (flags.ts) and from validate.ts, which the API needs anyway.
//
// The parser is not asked to be strict: then it says what it found, and what is wrong with that is said here, with the name
// of the flag and the nearest one.

import { parseArgs } from 'node:util'
import { didYouMean } from '../validate.js'
import { type Call, type Command, type Given, type Option, UsageError } from './command.js'

const HELP: Option = { name: 'help' }

type Token = NonNullable<ReturnType<typeof parseArgs<{ tokens: true; strict: false }>>['tokens']>[number]

/** The tokens up to the command, if one is taken; and where that begins. */
function split({ options, takesCommand }: Command, args: readonly string[]): { tokens: Token[]; at: number } {
  const known = Object.fromEntries(
    [...options, HELP].map(({ name, value }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(name === 'help' && { short: 'h' }),
      },
    ]),
  )
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true })
  const end = takesCommand ? tokens.findIndex(({ kind }) => kind !== 'option') : -1
  const first = tokens[end]
  if (!first) return { tokens, at: args.length }
  return { tokens: tokens.slice(0, end), at: first.kind === 'positional' ? first.index : first.index + 1 }
}

function unknownOption(flag: string, options: readonly Option[]): UsageError {
  const all = [...options, HELP].map(({ name }) => `--${name}`)
  const list = all.length > 8 ? '--help lists the known options.' : `Known options: ${all.join(', ')}.`
  return new UsageError(`unknown option '${flag}'.`, { flag, suggestion: didYouMean(flag, all) || list })
}

function checkOption(token: Extract<Token, { kind: 'option' }>, options: readonly Option[]): Given {
  const { name, rawName: flag, value, inlineValue } = token
  const option = [...options, HELP].find((each) => each.name === name)
  if (!option) throw unknownOption(flag, options)
  if (option.value === undefined) {
    if (value === undefined) return { name, value: undefined }
    throw new UsageError(`option '${flag}' takes no value, but received '${value}'.`, { flag })
  }
  const write = `Write ${flag}=${option.value}.`
  if (value === undefined) throw new UsageError(`option '${flag}' needs a value.`, { flag, suggestion: write })
  if (!inlineValue && value.startsWith('--')) {
    throw new UsageError(`option '${flag}' needs a value, but is followed by '${value}'.`, { flag, suggestion: write })
  }
  return { name, value }
}

/**
 * What a sub-command was called with.
 *
 * @throws UsageError for an option that is unknown, lacks a value or has one too many, and for words that nobody asked for
 */
export function parseCall(command: Command, args: readonly string[]): Call {
  const { tokens, at } = split(command, args)
  const given: Given[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`takes no argument, but received '${token.value}'.`)
    if (token.kind === 'option') given.push(checkOption(token, command.options))
  }
  return { given, words: args.slice(at) }
}

/** Whether `--json` is among the options, whatever else is wrong with them: errors are then JSON, too. */
export function asksForJson(command: Command, args: readonly string[]): boolean {
  return split(command, args).tokens.some(
    (token) => token.kind === 'option' && token.name === 'json' && token.value === undefined,
  )
}
