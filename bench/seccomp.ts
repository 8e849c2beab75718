// Prices filters of system calls: `npm run bench:seccomp`, with `--check` for exit code 1 when a target is missed.
//
//   install      seccomp(2) with a listener, as init calls it: at most 40 us
//   getpid loop  one call in a hot loop, in sandboxes: at most 1.15 times that without a filter
//   start        from the call to the exit of a program that does nothing, with and without, in turns
//
// The row "one instruction" is a filter that allows everything: what the kernel asks for any filter at all, which no
// profile can go below.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Sandbox, sandbox } from 'cofferdam'
import { CODE, encodeProgram, RETURN } from '../src/seccomp/bpf.js'
import { filterOf, hostMachine } from '../src/seccomp/filter.js'
import { seccompFixture, tinyRootfs } from '../test/support/probe.js'
import { median, shuffled } from './support/statistics.js'

const TARGET_INSTALL_US = 40
const TARGET_RATIO = 1.15
const ROUNDS = 300
const PRESETS = ['default', 'strict'] as const

const directory = mkdtempSync(join(tmpdir(), 'bench-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))

const rootfs = tinyRootfs()
process.once('exit', () => rootfs.remove())
const timing = seccompFixture('timing.c', 'static')
type Choice = 'off' | 'open' | (typeof PRESETS)[number]
const CHOICES: readonly Choice[] = ['off', 'open', ...PRESETS]

const recipe = (choice: Choice): Sandbox => {
  const plain = sandbox().rootfs(rootfs.path).bind(timing, '/timing')
  return plain.seccomp(choice === 'open' ? { defaultAction: 'SCMP_ACT_ALLOW' } : choice)
}

const ONE_INSTRUCTION = encodeProgram([{ code: CODE.return, jt: 0, jf: 0, k: RETURN.allow }])

function installUs(filter: Uint8Array): { least: number; median: number } {
  const answer = execFileSync(timing, ['install', '1000'], { input: filter, encoding: 'utf8' })
  const [least = Number.NaN, median = Number.NaN] = answer.split(' ').map((ns) => Number(ns) / 1e3)
  return { least, median }
}

async function getpidNs(preset: Choice): Promise<number> {
  const { stdout } = (await recipe(preset).run('/timing', ['getpid', '200'])).throwIfFailed()
  return Number(stdout)
}

async function startMs(): Promise<Record<string, number>> {
  const plain = sandbox().rootfs(rootfs.path)
  const contenders = (['off', ...PRESETS] as const).map((name) => ({
    name,
    recipe: plain.seccomp(name),
    times: [] as number[],
  }))
  for (let round = 0; round < ROUNDS + 20; round++) {
    for (const contender of shuffled(contenders)) {
      const before = performance.now()
      await contender.recipe.run('/true')
      if (round >= 20) contender.times.push(performance.now() - before)
    }
  }
  return Object.fromEntries(contenders.map(({ name, times }) => [name, median(times)]))
}

let missed = 0
function report(what: string, value: string, met = true): void {
  if (!met) missed++
  console.log(`${what.padEnd(34)} ${value}${met ? '' : '   TARGET MISSED'}`)
}

// The least: what else the machine does only ever adds.
const { least: floor, median: floorMedian } = installUs(ONE_INSTRUCTION)
report('install one instruction', `${floor.toFixed(1)} us, median ${floorMedian.toFixed(1)}`)
for (const kind of PRESETS) {
  const filter = filterOf({ kind }, [], hostMachine())
  if (!filter) throw new Error(`${kind} has no filter`)
  const { least, median } = installUs(filter.bytes)
  const what = `install '${kind}', ${filter.instructions} instructions`
  report(
    what,
    `${least.toFixed(1)} us, median ${median.toFixed(1)} (at most ${TARGET_INSTALL_US})`,
    least <= TARGET_INSTALL_US,
  )
}

// In turns, and the least of each: the machine has other things to do.
const loops: Record<Choice, number[]> = { off: [], open: [], default: [], strict: [] }
for (let turn = 0; turn < 5; turn++) {
  for (const choice of CHOICES) loops[choice].push(await getpidNs(choice))
}
const least = (choice: Choice) => Math.min(...loops[choice])
report('getpid, no filter', `${least('off').toFixed(1)} ns`)
report('getpid, all allowed', `${least('open').toFixed(1)} ns, x${(least('open') / least('off')).toFixed(3)}`)
for (const preset of PRESETS) {
  const ratio = least(preset) / least('off')
  report(
    `getpid, '${preset}'`,
    `${least(preset).toFixed(1)} ns, x${ratio.toFixed(3)} (at most ${TARGET_RATIO})`,
    ratio <= TARGET_RATIO,
  )
}

const starts = await startMs()
for (const [name, ms] of Object.entries(starts)) {
  const more = (ms - (starts.off ?? 0)) * 1e3
  report(
    `start to exit, '${name}'`,
    `${ms.toFixed(3)} ms${name === 'off' ? '' : ` (${more >= 0 ? '+' : ''}${more.toFixed(0)} us)`}`,
  )
}
if (process.argv.includes('--check') && missed > 0) process.exitCode = 1
