// `cofferdam doctor`: what checkHost() has found out, for people or as JSON.

import { checkHost } from '../host.js'
import { type Command, EXIT_USAGE, has } from './command.js'
import { formatReport } from './doctor-text.js'
import { print } from './print.js'
import { wantsColour } from './text.js'

const WIDTH = 80
const MIN_WIDTH = 50

const HELP = `Usage: cofferdam doctor [--json]

Tries, in a child process, everything that sandboxes are made of, and says what
works on this host, what does not, what that costs, and what to do about it.
Nothing is changed and nothing is left behind.

Options:
  --json    the whole report as JSON
  --help    this text

Exit code: 0 when a default sandbox starts, 1 when it does not, 2 for a call
that could not be understood.
`

export const doctor: Command = {
  name: 'doctor',
  summary: 'what sandboxes can have on this host, and why not',
  help: HELP,
  options: [{ name: 'json' }],
  takesCommand: false,
  failure: EXIT_USAGE,
  async run(call) {
    const report = await checkHost()
    if (has(call, 'json')) {
      print(`${JSON.stringify(report, undefined, 2)}\n`)
    } else {
      const width = Math.max(MIN_WIDTH, Math.min(WIDTH, process.stdout.columns ?? WIDTH))
      print(formatReport(report, { width, colour: wantsColour(process.stdout, process.env) }))
    }
    return report.defaultSandbox.starts ? 0 : 1
  },
}
