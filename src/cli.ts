#!/usr/bin/env node
// The command `cofferdam`: finds the sub-command, and says in one line what was wrong with a call.

import { inspect } from 'node:util'
import { type Command, EXIT_USAGE, UsageError } from './cli/command.js'
import { doctor } from './cli/doctor.js'
import { failureLine, failureOf } from './cli/failure.js'
import { asksForJson, parseCall } from './cli/parse.js'
import { plan } from './cli/plan.js'
import { complain, print } from './cli/print.js'
import { run } from './cli/run.js'
import { packageVersion } from './host/version.js'
import { didYouMean } from './validate.js'

const COMMANDS: readonly Command[] = [run, plan, doctor]

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

function answer(text: string): number {
  print(text)
  return 0
}

function commandOf(first: string | undefined): Command {
  const names = COMMANDS.map(({ name }) => name)
  const found = COMMANDS.find(({ name }) => name === first)
  if (found) return found
  const known = `Commands: ${names.join(', ')}.`
  if (first === undefined) throw new UsageError(`expected a command. ${known}`)
  const what = first.startsWith('-') ? 'option' : 'command'
  const words = what === 'option' ? ['--help', '--version'] : names
  throw new UsageError(`unknown ${what} '${first}'. ${didYouMean(first, words) || known}`)
}

/** The exit status of an error, once it has been told. One that nobody has foreseen is a defect, and is told with its stack. */
function told(error: unknown, command?: Command, json = false): number {
  const failure = failureOf(error)
  complain(failure ? failureLine(failure, command?.name, json) : `${inspect(error)}\n`)
  return command?.failure ?? EXIT_USAGE
}

async function carryOut(command: Command, args: readonly string[]): Promise<number> {
  try {
    const call = parseCall(command, args)
    if (call.given.some(({ name }) => name === 'help')) return answer(command.help)
    return await command.run(call)
  } catch (error) {
    return told(error, command, asksForJson(command, args))
  }
}

async function main([first, ...rest]: readonly string[]): Promise<number> {
  if (first === '--help' || first === '-h' || first === 'help') return answer(usage())
  if (first === '--version') return answer(`${packageVersion()}\n`)
  let command: Command
  try {
    command = commandOf(first)
  } catch (error) {
    return told(error)
  }
  return carryOut(command, rest)
}

process.exitCode = await main(process.argv.slice(2))
