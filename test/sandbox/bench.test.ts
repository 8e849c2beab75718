// The benchmark as a command, with so few rounds that its figures mean nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.js'

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))
const test = suite('bench: the command')

async function bench(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, code: code as number | null }
}

interface Contender {
  name: string
  samples: Record<'hot' | 'sparse', Record<string, { count: number; min: number; median: number; p99: number }>>
}

test(
  'a run measures each contender at both paces, and writes a report, data and a chart',
  async (t) => {
    const directory = t.tempDir()
    const { stdout, stderr, code } = await bench('latency', '--rounds', '1', '--json', '--output', directory)
    assert.is(code, 0, stderr)
    const results = JSON.parse(stdout)
    assert.equal(results, JSON.parse(readFileSync(join(directory, 'results.json'), 'utf8')))
    assert.equal(readdirSync(directory).sort(), ['latency.svg', 'report.md', 'results.json'])
    assert.match(results.machine, /Linux/)

    const { contenders } = results.scenarios.latency.startToEnd as { contenders: Contender[] }
    const named = (part: string) => contenders.filter(({ name }) => name.includes(part)).length
    assert.ok(
      named('child_process.spawn') === 2 && named('cold') === 3 && named('box') >= 2,
      JSON.stringify(contenders),
    )
    for (const { name, samples } of contenders) {
      for (const pace of ['hot', 'sparse'] as const) {
        const { count = 0, min = 0, median = 0, p99 = 0 } = samples[pace].totalMs ?? {}
        assert.ok(count >= 3 && min > 0 && min <= median && median <= p99, `${name}, ${pace}`)
      }
    }
    const report = readFileSync(join(directory, 'report.md'), 'utf8')
    for (const { name } of contenders) assert.ok(report.includes(`| ${name} |`), name)
    assert.ok(report.includes('### Asked and measured'))
  },
  { timeoutMs: 90_000 },
)

test('a scenario that does not exist is refused with the list of those that do', async (t) => {
  const directory = t.tempDir()
  const { stdout, stderr, code } = await bench('latancy', '--output', join(directory, 'out'))
  assert.is(code, 2)
  assert.is(stdout, '')
  assert.match(stderr, /leaks, latency, walls.*but received latancy/)
  assert.not.ok(existsSync(join(directory, 'out')))
})

test('help names every scenario and every option, and runs nothing', async () => {
  const { stdout, code } = await bench('--help')
  assert.is(code, 0)
  for (const name of [
    'latency',
    'walls',
    'heap',
    'event-loop',
    'throughput',
    'scale',
    'mounts',
    'limits',
    'peers',
    'idle',
    'leaks',
  ])
    assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
  for (const option of ['quick', 'rounds', 'json', 'samples', 'strict', 'output'])
    assert.match(stdout, new RegExp(`--${option}`))
})

test.run()
