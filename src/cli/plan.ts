// `cofferdam plan`: what `cofferdam run` would do with the same options, for people or as JSON. Nothing is started.

import { formatPlan, PLAN_LABEL } from '../plan-text.js'
import type { SandboxPlan } from '../plan-types.js'
import { type Command, EXIT_USAGE, has } from './command.js'
import { inFlags } from './failure.js'
import { FLAGS } from './flags.js'
import { print } from './print.js'
import { recipeOf } from './recipe.js'
import { wrap } from './text.js'

const WIDTH = 80
const MIN_WIDTH = 50
/** The plan cannot be carried out here. */
const UNSUPPORTED = 1

const HELP = `Usage: cofferdam plan [options] [--] [command [argument...]]

Prints what cofferdam run would do with the same options: namespaces, ids, each
step of the setup, control groups, then warnings about walls that the options
open, and what this host cannot give. Nothing is started.

Options: those that make the sandbox, as cofferdam run --help lists them, and
  --json    the plan as JSON, as plan() of the API has it
  --help    this text

Exit status: 0 for a plan that can be carried out here, 1 for one that cannot,
2 for a call that could not be understood.
`

/** Bytes that are no text, as JSON can say them. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value
}

// A Buffer turns itself into something else before a replacer sees it.
function withoutBuffers(plan: SandboxPlan): SandboxPlan {
  const boot = plan.boot.map((step) =>
    step.op === 'file' && typeof step.content !== 'string' ? { ...step, content: new Uint8Array(step.content) } : step,
  )
  return { ...plan, boot }
}

function textOf(plan: SandboxPlan, words: readonly string[], width: number): string {
  const sentences = {
    ...plan,
    warnings: plan.warnings.map(inFlags),
    unsupported: plan.unsupported.map((lack) => ({ ...lack, reason: inFlags(lack.reason), hint: inFlags(lack.hint) })),
  }
  const command = wrap(words.join(' '), width - PLAN_LABEL).map(
    (line, i) => `${(i === 0 ? 'Command' : '').padEnd(PLAN_LABEL)}${line}\n`,
  )
  return `${command.join('')}${formatPlan(sentences, width)}`
}

export const plan: Command = {
  name: 'plan',
  summary: 'what run would do with the same options',
  help: HELP,
  options: [...FLAGS, { name: 'json' }],
  takesCommand: true,
  failure: EXIT_USAGE,
  async run(call) {
    const planned = recipeOf(call.given).plan()
    if (has(call, 'json')) {
      print(`${JSON.stringify(withoutBuffers(planned), plain, 2)}\n`)
    } else {
      const width = Math.max(MIN_WIDTH, Math.min(WIDTH, process.stdout.columns ?? WIDTH))
      print(textOf(planned, call.words, width))
    }
    return planned.unsupported.length === 0 ? 0 : UNSUPPORTED
  },
}
