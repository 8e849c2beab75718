// Prices the package against `child_process.spawn` on this machine: `npm run bench`.
//
//   --quick   a tenth of the rounds: whether it works, not how fast
//   --json    the report as JSON, with every sample
//   --check   exit code 1 when a target is missed
import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { settledInventory, takeInventory } from './inventory.js'
import { describeMachine } from './machine.js'
import { buildPrograms } from './programs.js'
import { type Report, renderReport } from './report.js'
import { checkTargets } from './targets.js'
import type { Pace, TaskName, Tasks } from './tasks.js'

const GIB = 2 ** 30

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, check: { type: 'boolean' } },
})
const rounds = (count: number) => (options.quick ? Math.ceil(count / 10) : count)

execFileSync(here('../node_modules/.bin/tsc'), ['-p', here('tsconfig.json')], { stdio: 'inherit' })
const programs = buildPrograms()

const hostBefore = takeInventory()
const sequential = rounds(1000)
const concurrent = rounds(200)
const sandboxes = 50
const leaks = await work('leaks', 'what is left behind', { sequential, concurrent, programs })
const hostAfter = await settledInventory(hostBefore)

const report: Report = {
  machine: describeMachine(),
  latency: [
    await latency('small heap, in turns', 'turns', 0),
    await latency('small heap, back to back', 'hot', 0),
    await latency('small heap, 30 ms idle between', 'sparse', 0),
    await latency('1 GiB heap, in turns', 'turns', GIB),
    await latency('1 GiB heap, back to back', 'hot', GIB),
    await latency('1 GiB heap, 30 ms idle between', 'sparse', GIB),
  ],
  stalls: [await stalls('small heap', 0), await stalls('1 GiB heap', GIB)],
  idle: { sandboxes, answer: await work('idle', 'idle sandboxes', { sandboxes, programs }) },
  leaks: { sequential, concurrent, answer: leaks, hostBefore, hostAfter },
}

console.log(options.json ? JSON.stringify({ ...report, targets: checkTargets(report) }) : renderReport(report))
if (options.check && checkTargets(report).some(({ met }) => !met)) process.exitCode = 1

async function latency(title: string, pace: Pace, heapBytes: number): Promise<Report['latency'][number]> {
  const task = { pace, heapBytes, rounds: rounds(heapBytes > 0 ? 100 : 300), programs }
  return { title, pace, large: heapBytes > 0, answer: await work('latency', `start to exit, ${title}`, task) }
}

async function stalls(title: string, heapBytes: number): Promise<Report['stalls'][number]> {
  const task = { heapBytes, rounds: rounds(heapBytes > 0 ? 50 : 200), programs }
  return { title, answer: await work('stall', `event loop, ${title}`, task) }
}

/** Every task has a process of its own, so that none inherits another's heap. */
async function work<Name extends TaskName>(
  name: Name,
  title: string,
  task: Tasks[Name]['task'],
): Promise<Tasks[Name]['answer']> {
  process.stderr.write(`${title} ...\n`)
  const args = ['--expose-gc', here('build/worker.js'), name, JSON.stringify(task)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 28 })
  return JSON.parse(stdout)
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
