// Prices filters of system calls: `npm run bench:seccomp`. Exit code 1 when a target is missed.
//
//   install      seccomp(2) with a listener, as init calls it: at most 40 us
//   getpid loop  one call in a hot loop, in sandboxes: at most 1.15 times that without a filter
//   start        from the call to the exit of a program that does nothing, with and without, in turns
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Sandbox, sandbox } from 'cofferdam'
import { filterOf, hostMachine } from '../src/seccomp/filter.js'
import { seccompFixture, tinyRootfs } from '../test/support/probe.js'
import { median, shuffled } from './statistics.js'

const TARGET_INSTALL_US = 40
const TARGET_RATIO = 1.15
const ROUNDS = 300
const PRESETS = ['default', 'strict'] as const

const directory = mkdtempSync(join(tmpdir(), 'bench-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))

const rootfs = tinyRootfs()
process.once('exit', () => rootfs.remove())
const timing = seccompFixture('timing.c', 'static')
const recipe = (preset: 'off' | (typeof PRESETS)[number]): Sandbox =>
  sandbox().rootfs(rootfs.path).bind(timing, '/timing').seccomp(preset)

function installUs(preset: (typeof PRESETS)[number]): { us: number; instructions: number } {
  const filter = filterOf({ kind: preset }, [], hostMachine())
  if (!filter) throw new Error(`${preset} has no filter`)
  const answer = execFileSync(timing, ['install', '500'], { input: filter.bytes, encoding: 'utf8' })
  return { us: Number(answer) / 1e3, instructions: filter.instructions }
}

async function getpidNs(preset: Parameters<typeof recipe>[0]): Promise<number> {
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

for (const preset of PRESETS) {
  const { us, instructions } = installUs(preset)
  const what = `install '${preset}', ${instructions} instructions`
  report(what, `${us.toFixed(1)} us (at most ${TARGET_INSTALL_US})`, us <= TARGET_INSTALL_US)
}

// In turns, and the least of each: the machine has other things to do.
const loops: Record<string, number[]> = { off: [], default: [], strict: [] }
for (let turn = 0; turn < 5; turn++) {
  for (const preset of ['off', ...PRESETS] as const) loops[preset]?.push(await getpidNs(preset))
}
const least = (preset: string) => Math.min(...(loops[preset] ?? []))
report('getpid, no filter', `${least('off').toFixed(1)} ns`)
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
process.exitCode = missed > 0 ? 1 : 0
