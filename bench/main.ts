// Prices the package against `child_process.spawn`, the kernel and its peers on this machine: `npm run bench`.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SCENARIOS } from './scenarios/index.js'
import { buildWorkers } from './support/build.js'
import { describeLoad, describeMachine } from './support/machine.js'
import { helpText, type Options, parseOptions } from './support/options.js'
import { buildPrograms } from './support/programs.js'
import { beginStep } from './support/progress.js'
import { checksTable, markdownTable, terminalTable } from './support/render.js'
import type { Context, Scenario } from './support/scenario.js'
import type { Findings, Programs, Table } from './support/types.js'
import { askWorker } from './support/workers.js'

interface Outcome {
  name: string
  findings?: Findings
  error?: string
}

const options = readOptions()
if (options.help) console.log(helpText(SCENARIOS))
else process.exitCode = await main(options)

async function main(options: Options): Promise<number> {
  buildWorkers()
  const programs = buildPrograms()
  const beginMs = performance.now()
  const machine = describeMachine()
  const { load, warning } = describeLoad()
  const head = {
    machine,
    load,
    started: new Date().toISOString(),
    commit: commit(),
    rounds: `${options.share * 100} %`,
  }
  const chosen = SCENARIOS.filter(({ name }) => options.scenarios.includes(name))
  const outcomes: Outcome[] = []
  for (const scenario of chosen) {
    const outcome = await runScenario(scenario, programs, options)
    outcomes.push(outcome)
    if (!options.json) print(outcome)
  }
  const checks = outcomes.flatMap(({ findings }) => findings?.checks ?? [])
  const seconds = Math.round((performance.now() - beginMs) / 1000)
  const results = { ...head, seconds, checks, scenarios: Object.fromEntries(outcomes.map(dataOf)) }
  const json = JSON.stringify(results, rounded, 1)
  const complete = chosen.length === SCENARIOS.length && options.share >= 1
  const directory = options.output ?? here(complete ? 'results' : 'results/partial')
  write(directory, `${json}\n`, outcomes, [
    `${machine}. ${head.started}, ${seconds} s, rounds: ${head.rounds}.`,
    ...(warning ? [warning] : []),
  ])
  if (options.json) console.log(json)
  else {
    if (checks.length > 0) console.log(`${terminalTable(checksTable(checks))}\n`)
    console.log(
      `${machine}${warning ? `\n${warning}` : ''}\n${seconds} s. report.md, results.json and charts: ${directory}`,
    )
  }
  const missed = checks.some(({ met }) => met === false)
  return outcomes.some(({ error }) => error !== undefined) || (options.strict && missed) ? 1 : 0
}

async function runScenario(scenario: Scenario, programs: Programs, options: Options): Promise<Outcome> {
  const context: Context = {
    programs,
    quick: options.share < 1,
    samples: options.samples,
    scaled: (rounds, least = 1) => Math.max(least, Math.round(rounds * options.share)),
    async work(title, name, task, workOptions) {
      const step = beginStep(title)
      try {
        const answer = await askWorker(name, { ...task, programs } as Parameters<typeof askWorker<typeof name>>[1], {
          ...workOptions,
          onProgress: (text) => step.update(text),
        })
        step.done()
        return answer
      } catch (error) {
        step.failed()
        throw error
      }
    },
  }
  try {
    return { name: scenario.name, findings: await scenario.run(context) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${scenario.name}: ${message}\n`)
    return { name: scenario.name, error: message }
  }
}

function print({ findings }: Outcome): void {
  for (const table of findings?.tables ?? []) console.log(`${terminalTable(table)}\n`)
}

function dataOf({ name, findings, error }: Outcome): [string, unknown] {
  return [name, error === undefined ? findings?.data : { error }]
}

function write(directory: string, json: string, outcomes: readonly Outcome[], head: readonly string[]): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'results.json'), json)
  const charts = outcomes.flatMap(({ findings }) => findings?.charts ?? [])
  for (const { name, svg } of charts) writeFileSync(join(directory, `${name}.svg`), svg)
  const checks = outcomes.flatMap(({ findings }) => findings?.checks ?? [])
  const sections = outcomes.map(({ name, findings, error }) =>
    [
      `## ${name}`,
      ...(error === undefined ? [] : [`It broke: ${error}`]),
      ...(findings?.tables ?? []).map((table: Table) => markdownTable(table)),
      ...(findings?.charts ?? []).map((chart) => `![${chart.name}](${chart.name}.svg)`),
    ].join('\n\n'),
  )
  const summary = checks.length > 0 ? [markdownTable(checksTable(checks))] : []
  writeFileSync(join(directory, 'report.md'), `${['# Benchmark', ...head, ...summary, ...sections].join('\n\n')}\n`)
}

/** Figures beyond the tenth of a microsecond mean nothing. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value
}

function readOptions(): Options {
  try {
    return parseOptions(
      process.argv.slice(2),
      SCENARIOS.map(({ name }) => name),
    )
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    console.error('npm run bench -- --help lists the scenarios and options.')
    process.exit(2)
  }
}

function commit(): string | undefined {
  try {
    const git = ['describe', '--always', '--dirty', '--abbrev=12']
    return execFileSync('git', git, { cwd: here('.'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined // not a checkout
  }
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
