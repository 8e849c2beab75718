// The command line of `npm run bench`.
import { parseArgs } from 'node:util'

export interface Options {
  /** Of the scenarios to run, in the order in which they are always run. */
  scenarios: string[]
  /** Of the ordinary number of rounds, 0.01 to 10. */
  share: number
  quick: boolean
  json: boolean
  samples: boolean
  strict: boolean
  output: string | undefined
  help: boolean
}

/** @throws Error with what was expected, for anything that is not known. */
export function parseOptions(args: readonly string[], names: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      samples: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { quick, json, samples, strict, output, help } = values
  const unknown = positionals.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    throw new Error(`Expected scenarios out of ${names.join(', ')} but received ${unknown.join(', ')}.`)
  }
  if (quick && values.rounds !== undefined) throw new Error('Expected --quick or --rounds but received both.')
  const percent = Number(values.rounds ?? (quick ? 10 : 100))
  if (!(percent >= 1 && percent <= 1000)) {
    throw new Error(`Expected --rounds of 1 to 1000 (percent) but received ${values.rounds}.`)
  }
  const scenarios = names.filter((name) => positionals.length === 0 || positionals.includes(name))
  return { scenarios, share: percent / 100, quick, json, samples, strict, output, help }
}

export function helpText(scenarios: readonly { name: string; about: string }[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length))
  return `npm run bench -- [options] [scenario ...]

Without a scenario all of them run, in less than 12 minutes. Tables are printed; report.md, results.json and charts are
written to bench/results, those of a run of other than all scenarios and all rounds to bench/results/partial.

${scenarios.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`).join('\n')}

  --quick            a tenth of the rounds and smaller sizes: whether it works, not how fast
  --rounds PERCENT   of the ordinary number of rounds, 1 to 1000; below 100 with the sizes of --quick
  --json             prints what results.json has instead of the tables
  --samples          keeps every sample in the JSON, not only medians and percentiles
  --strict           exit code 1 when a figure that was asked for is missed
  --output DIRECTORY where the files go
  --help             this text`
}
