// The readers of the protocol under libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer.
//
//   npm run fuzz -- --seconds 600            every target for ten minutes
//   npm run fuzz -- --seconds 60 init        this one: request, command or init
//
// Begins with what the encoder makes of a set of recipes (seeds.ts) and with what earlier runs have found worth keeping, in
// node_modules/.cache/cofferdam/fuzz. An input that breaks something is written there, to `broken/`, and said: run the
// target with it as its only argument. Needs clang with libFuzzer.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeSeeds } from './seeds.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CACHE = join(ROOT, 'node_modules/.cache/cofferdam/fuzz')
const TARGETS = ['request', 'command', 'init'] as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' } },
})
process.exitCode = main(Number(values.seconds), positionals.length > 0 ? positionals : TARGETS)

function main(seconds: number, targets: readonly string[]): number {
  if (!(seconds >= 1)) throw new RangeError(`--seconds must be a number of at least 1, but is '${values.seconds}'`)
  const unknown = targets.find((target) => !TARGETS.some((known) => known === target))
  if (unknown !== undefined) throw new RangeError(`There is no target '${unknown}': choose of ${TARGETS.join(', ')}`)

  const build = spawnSync('sh', ['test/fuzz/build.sh', join(CACHE, 'build'), ...targets], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (build.status !== 0) return 1
  writeSeeds(join(CACHE, 'seeds'))
  const broken = targets.filter((target) => !runs(target, seconds))
  for (const target of broken) console.error(`${target}: broken by an input in ${join(CACHE, 'broken')}/`)
  return broken.length > 0 ? 1 : 0
}

/** Whether a target has stood it for so long. */
function runs(target: string, seconds: number): boolean {
  const [found, broken] = ['found', 'broken'].map((name) => join(CACHE, name, target)) as [string, string]
  for (const directory of [found, broken]) mkdirSync(directory, { recursive: true })
  const options = [
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${broken}/`,
    '-max_len=200000',
    '-timeout=10',
    '-rss_limit_mb=2048',
    '-print_final_stats=1',
    '-verbosity=0',
  ]
  // The first directory is where new inputs go.
  const args = [...options, found, join(CACHE, 'seeds', target)]
  const command = join(CACHE, 'build', target)
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  const figure = (name: string) => new RegExp(`stat::${name}: +(\\d+)`).exec(stderr ?? '')?.[1] ?? '?'
  if (status !== 0) console.error(`${error?.message ?? ''}${stderr}`)
  console.log(`${target}: ${figure('number_of_executed_units')} inputs, ${figure('new_units_added')} of them kept`)
  return status === 0
}
