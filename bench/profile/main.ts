// Where the time of one start goes, step by step: `npm run bench:profile -- [cold|box|pool|reuse] [--pause MS] [--calls N]`.
// Needs root and perf(1), Debian's linux-perf. Every system call of every thread that takes part is traced, Node's and the
// sandbox's; what is printed is the median timeline of the faster half of the calls, which other work of the machine has
// disturbed least. Tracing itself makes a call somewhat slower: both times are given.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { syscallNumbers } from '../../src/seccomp/tables.js'
import { BOX_RUN, COLD_RUN, POOL_FRESH, POOL_REUSE } from '../contenders/families.js'
import { buildWorkers } from '../support/build.js'
import { buildPrograms } from '../support/programs.js'
import { terminalTable } from '../support/render.js'
import { median } from '../support/statistics.js'
import { fasterHalf, type Line, nameCommands, ownFilter, parseLine, splitCalls, timeline } from './trace.js'

const WAYS: Readonly<Record<string, string>> = { cold: COLD_RUN, box: BOX_RUN, pool: POOL_FRESH, reuse: POOL_REUSE }
const WHO = 'comm == "bench-target" || comm ~ "cofferdam*" || comm == "true" || comm == "node"'
const EVENTS = [
  'raw_syscalls:sys_enter',
  'raw_syscalls:sys_exit',
  ...['exec', 'exit', 'fork'].map((end) => `sched:sched_process_${end}`),
]
/** Steps that fewer calls have are left out: they belong to something else that happened meanwhile. */
const COMMON = 0.5

const { name, pause, calls: count } = readOptions()

buildWorkers()
const programs = buildPrograms()
const target = [fileURLToPath(new URL('../build/profile/target.js', import.meta.url)), name, `${count}`, `${pause}`]
const command = [process.execPath, ...target, JSON.stringify(programs)]
const data = join(dirname(programs.rootfs), 'perf.data')

const plain = JSON.parse(await run(command, text)) as { times: number[] }
const events = EVENTS.flatMap((event) => ['-e', event, '--filter', WHO])
const record = ['perf', 'record', '-q', '-a', '-m', '4M', '-o', data, ...events, '--', ...command]
const traced = JSON.parse(await run(record, text)) as { pid: number; times: number[] }

const names = new Map(
  [...syscallNumbers(process.arch === 'arm64' ? 'aarch64' : 'x86_64')].map(([word, number]) => [number, word]),
)
const nameOf = (number: number) => names.get(number) ?? `${number}`
const isOwn = ownFilter(traced.pid)
const lines = await run(
  ['perf', 'script', '-i', data, '--ns', '-F', 'comm,pid,tid,time,event,trace'],
  async (output) => {
    const kept: Line[] = []
    for await (const text of createInterface({ input: output })) {
      const line = parseLine(text)
      if (line && isOwn(line)) kept.push(line)
    }
    return nameCommands(kept, ({ number }) => nameOf(number) === 'clone3')
  },
)
rmSync(data)
const calls = fasterHalf(splitCalls(lines, traced.pid, nameOf))

const rows = timeline(calls, median).filter(({ share }) => share >= COMMON)
console.log(
  terminalTable({
    title: `${name}, ${pause} ms idle before each: ${median(plain.times).toFixed(3)} ms untraced, ${median(traced.times).toFixed(3)} ms traced`,
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

async function run<T>([file = '', ...args]: readonly string[], read: (output: Readable) => Promise<T>): Promise<T> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`${file} cannot be started (${error.message}). Debian: apt-get install linux-perf.`)
  })
  const done = Promise.all([read(child.stdout), text(child.stderr), once(child, 'close')])
  const [answer, complaint, [code]] = await Promise.race([done, failed])
  if (code !== 0) throw new Error(`${file} failed: ${complaint.trim() || `exit code ${code}`}`)
  return answer
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { pause: { type: 'string', default: '0' }, calls: { type: 'string', default: '300' } },
    })
    const [way = 'box', ...more] = positionals
    const name = WAYS[way]
    const ways = Object.keys(WAYS).join(', ')
    if (name === undefined || more.length > 0)
      throw new Error(`Expected one of ${ways} but received ${positionals.join(' ')}.`)
    const number = (option: 'pause' | 'calls', least: number) => {
      const value = Number(values[option])
      if (Number.isInteger(value) && value >= least && value <= 10_000) return value
      throw new Error(`Expected --${option} of ${least} to 10000 but received ${values[option]}.`)
    }
    return { name, pause: number('pause', 0), calls: number('calls', 10) }
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(2)
  }
}
