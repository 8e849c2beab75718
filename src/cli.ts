#!/usr/bin/env node
// The command `cofferdam`: finds the sub-command, and says in one line what was wrong with a call.

import { parseArgs } from 'node:util'
import { type Command, EXIT_USAGE, UsageError } from './cli/command.js'
import { doctor } from './cli/doctor.js'
import { packageVersion } from './host/version.js'
import { didYouMean } from './validate.js'

const COMMANDS: readonly Command[] = [doctor]

function usage(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`)
  return [
    'Usage: cofferdam <command> [options]',
    '',
    'Commands:',
    ...lines,
    '',
    'Options:',
    '  --help    this text, or that of a command',
    '  --version the version of the package',
    '',
  ].join('\n')
}

function parse({ name, options }: Command, args: readonly string[]): Record<string, unknown> {
  const known = { ...options, help: { type: 'boolean', short: 'h' } } as const
  // Not strict: then the parser says what it found, and what is wrong with that is said here.
  const { values, tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(name, `takes no argument, but received '${token.value}'.`)
    if (token.kind !== 'option') continue
    const given = token.rawName
    if (!Object.hasOwn(known, token.name)) {
      const all = Object.keys(known).map((option) => `--${option}`)
      throw new UsageError(
        name,
        `unknown option '${given}'. ${didYouMean(given, all) || `Known options: ${all.join(', ')}.`}`,
      )
    }
    if (token.value !== undefined)
      throw new UsageError(name, `option '${given}' takes no value, but received '${token.value}'.`)
  }
  return values
}

async function run([first, ...rest]: readonly string[]): Promise<number> {
  if (first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(usage())
    return 0
  }
  if (first === '--version') {
    process.stdout.write(`${packageVersion()}\n`)
    return 0
  }
  const names = COMMANDS.map(({ name }) => name)
  const command = COMMANDS.find(({ name }) => name === first)
  if (!command) {
    const known = `Commands: ${names.join(', ')}.`
    if (first === undefined) throw new UsageError(undefined, `expected a command. ${known}`)
    const what = first.startsWith('-') ? 'option' : 'command'
    const words = what === 'option' ? ['--help', '--version'] : names
    throw new UsageError(undefined, `unknown ${what} '${first}'. ${didYouMean(first, words) || known}`)
  }
  const values = parse(command, rest)
  if (values.help) {
    process.stdout.write(command.help)
    return 0
  }
  return command.run(values)
}

// `cofferdam doctor | head`: who reads has had enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = EXIT_USAGE
}
