// A long mixed use of the package in one process, with a ledger of what the process and its host hold at the end.
//
//   npm run soak -- --minutes 10               for so long
//   npm run soak -- --sandboxes 100000         or until so many have run, whichever comes first
//   npm run soak -- --seed 42                  the same order of things again, as far as time allows
//
// Ends with 1 when anything has grown or gone wrong.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nativeBinding } from '../../dist/binding.js'
import { Random, seed } from '../pure/random.js'
import { tinyRootfs } from '../support/probe.js'
import { grown, print, settledLedger } from './ledger.js'
import { type Kind, kindsOf } from './work.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    sandboxes: { type: 'string', default: '1000000000' },
    concurrency: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(seed()) },
  },
})

function positive(name: keyof typeof values): number {
  const number = Number(values[name])
  if (!(number > 0)) throw new RangeError(`--${name} must be a number above 0, but is '${values[name]}'`)
  return number
}

// A directory of its own, so that others' files are not counted.
process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'cofferdam-soak-'))
process.once('exit', () => rmSync(process.env.TMPDIR ?? '', { recursive: true, force: true }))
const random = new Random(Number(values.seed))
const root = tinyRootfs()

/** How many of each kind, and everything together. */
const done = new Map<string, number>()
let sandboxes = 0

function pick(kinds: readonly Kind[]): Kind {
  let left = (random.below(1_000_000) / 1_000_000) * kinds.reduce((sum, { weight }) => sum + weight, 0)
  for (const kind of kinds) {
    left -= kind.weight
    if (left < 0) return kind
  }
  throw new Error('There is no kind of work')
}

/** Works until time or number is reached, several at once. */
async function work(kinds: readonly Kind[], limit: number, endMs: number, concurrency: number): Promise<void> {
  const startMs = performance.now()
  const already = sandboxes
  const progress = setInterval(() => {
    const seconds = (performance.now() - startMs) / 1000
    const rate = (sandboxes - already) / seconds
    const rss = (process.memoryUsage.rss() / 2 ** 20).toFixed(0)
    console.log(`${seconds.toFixed(0).padStart(6)} s  ${sandboxes} sandboxes  ${rate.toFixed(0)}/s  ${rss} MiB`)
  }, 10_000)
  const one = async () => {
    while (sandboxes < limit && performance.now() < endMs) {
      const kind = pick(kinds)
      const count = await kind.work(random)
      sandboxes += count
      done.set(kind.name, (done.get(kind.name) ?? 0) + 1)
    }
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, one))
  } finally {
    clearInterval(progress)
  }
}

async function main(): Promise<number> {
  const [minutes, limit, concurrency] = [positive('minutes'), positive('sandboxes'), positive('concurrency')]
  const endMs = performance.now() + minutes * 60_000
  console.log(`seed ${values.seed}`)
  const { kinds, close } = kindsOf(root.path)
  const drain = () => nativeBinding().drain()
  // Threads, pools of memory and compiled code come with the first use of each kind, and stay.
  for (const kind of kinds) for (let i = 0; i < 5; i++) await kind.work(random)
  await work(kinds, Math.min(500, limit / 10), endMs, concurrency)
  await close()
  const before = await settledLedger(drain)

  sandboxes = 0
  done.clear()
  const startMs = performance.now()
  await work(kinds, limit, endMs, concurrency)
  const seconds = (performance.now() - startMs) / 1000
  await close()
  const after = await settledLedger(drain, before)

  console.log(`\n${sandboxes} sandboxes in ${seconds.toFixed(0)} s:`)
  for (const [name, count] of done) console.log(`  ${name}: ${count}`)
  print(before, after)
  return grown(before, after).length > 0 ? 1 : 0
}

process.exitCode = await main()
