// Where the time of one start goes, step by step: `npm run bench:profile -- [cold|box|pool|reuse] [--pause MS] [--calls N]`.
// Needs root and perf(1), Debian's linux-perf. Every system call of every thread that takes part is traced, Node's and the
// sandbox's; what is printed is the median
// timeline of the faster half of the calls, which other work of the machine has disturbed least. Tracing itself makes a call somewhat slower: both times are given.
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { syscallNumbers } from '../../src/seccomp/tables.js'
import { BOX_RUN, COLD_RUN, POOL_FRESH, POOL_REUSE } from '../contenders/families.js'
import { buildWorkers } from '../support/build.js'
import { buildPrograms } from '../support/programs.js'
import { terminalTable } from '../support/render.js'
import { median } from '../support/statistics.js'
import { fasterHalf, nameCommands, parseLine, splitCalls, timeline } from './trace.js'

const WAYS: Readonly<Record<string, string>> = { cold: COLD_RUN, box: BOX_RUN, pool: POOL_FRESH, reuse: POOL_REUSE }
const EVENTS = [
  'raw_syscalls:sys_enter',
  'raw_syscalls:sys_exit',
  'sched:sched_process_exec',
  'sched:sched_process_exit',
]
/** Steps that fewer calls have are left out: they belong to something else that happened meanwhile. */
const COMMON = 0.5

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pause: { type: 'string', default: '0' }, calls: { type: 'string', default: '300' } },
})
const [way = 'box'] = positionals
const name = WAYS[way]
if (name === undefined) throw new Error(`Expected one of ${Object.keys(WAYS).join(', ')} but received ${way}.`)

buildWorkers()
const programs = buildPrograms()
const target = [fileURLToPath(new URL('../build/profile/target.js', import.meta.url)), name, values.calls, values.pause]
const command = [process.execPath, ...target, JSON.stringify(programs)]
const data = join(dirname(programs.rootfs), 'perf.data')

const plain = JSON.parse(run(command)) as { times: number[] }
const traced = JSON.parse(
  run([
    'perf',
    'record',
    '-q',
    '-a',
    '-m',
    '2M',
    '-o',
    data,
    ...EVENTS.flatMap((event) => ['-e', event]),
    '--',
    ...command,
  ]),
) as { pid: number; times: number[] }
const script = run(['perf', 'script', '-i', data, '--ns', '-F', 'comm,tid,time,event,trace'])
rmSync(data)

const names = new Map(
  [...syscallNumbers(process.arch === 'arm64' ? 'aarch64' : 'x86_64')].map(([word, number]) => [number, word]),
)
const nameOf = (number: number) => names.get(number) ?? `${number}`
const lines = nameCommands(
  script
    .split('\n')
    .map(parseLine)
    .filter((line) => line !== undefined)
    .filter(({ comm, tid }) => comm.startsWith('cofferdam') || comm === 'true' || tid === traced.pid),
  (line) => nameOf(line.number) === 'clone3',
)
const calls = fasterHalf(splitCalls(lines, traced.pid, nameOf))

const rows = timeline(calls, median).filter(({ share }) => share >= COMMON)
console.log(
  terminalTable({
    title: `${name}, ${values.pause} ms idle before each: ${median(plain.times).toFixed(3)} ms untraced, ${median(traced.times).toFixed(3)} ms traced`,
    note: 'Medians of the faster half of the calls: when a step begins, and how long its system call takes.',
    columns: ['from, us', 'took, us', 'who', 'what', 'of the calls'],
    rows: rows.map(({ who, what, beginUs, tookUs, share }) => [
      beginUs.toFixed(0),
      Number.isFinite(tookUs) ? tookUs.toFixed(1) : '',
      who,
      what,
      `${(share * 100).toFixed(0)} %`,
    ]),
  }),
)

function run([file = '', ...args]: string[]): string {
  const { error } = spawnSync(file, ['--version'])
  if (error) throw new Error(`${file} cannot be started (${error.message}). Debian: apt-get install linux-perf.`)
  return execFileSync(file, args, { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'pipe'] })
}
