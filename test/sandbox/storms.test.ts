// Node killed at any moment of a storm of starts, and everything in it stopped and continued: seeded, so that what failed
// can be tried again (COFFERDAM_SEED); COFFERDAM_ROUNDS makes more of it.
import type { ChildProcess } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { Random, seed } from '../pure/random.js'
import { probeRootfs } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'
import { endOf, groupsLeft, offspring, startVictim } from '../support/victims.js'

const test = suite('storms', { warmUp: true })
const ROUNDS = Number(process.env.COFFERDAM_ROUNDS ?? 25)

const identity = (path: string) => {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined // gone, or none of our business
  }
}

const pids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name))

/** The file that a victim's inits execute. */
function imageOf(victim: number): string | undefined {
  const fds = readdirSync(`/proc/${victim}/fd`).map((fd) => `/proc/${victim}/fd/${fd}`)
  const own = new Set(offspring(victim).map(({ pid }) => identity(`/proc/${pid}/exe`)))
  return fds.map(identity).find((file) => file !== undefined && own.has(file))
}

/** Who still executes one of these files, once there has been some time; a zombie executes nothing. */
async function executing(files: ReadonlySet<string>): Promise<string[]> {
  const deadlineMs = performance.now() + atMost(3000)
  for (;;) {
    const left = pids().filter((pid) => files.has(identity(`/proc/${pid}/exe`) ?? ''))
    if (left.length === 0 || performance.now() > deadlineMs) return left
    await sleep(10)
  }
}

const STORM = `
  import { join } from 'node:path'
  import { mkdirSync } from 'node:fs'
  const [, , directory] = process.argv
  const forms = [
    () => box.run('/true'),
    () => box.limits({ pids: 5, memory: '32MiB' }).run('/true'),
    () => box.share('pid').run('/probe', ['sleep', '60']),
    () => box.share('net').spawn('/probe', ['sleep', '60']),
    async () => { const open = await box.open(); await Promise.all([open.run('/true'), open.run('/probe', ['orphan', '60'])]) },
    () => box.share('net').run('/probe', ['fork-n', '3']),
  ]
  let number = 0
  const upper = () => {
    const path = join(directory, String(number++))
    mkdirSync(path)
    return box.rootfs([process.argv[1]], { upper: path }).run('/true')
  }
  const tell = () => console.log('.')
  tell()
  for (;;) await Promise.race([...forms, upper].map((form) => form().then(tell)))
`

test(
  `killed at a random moment in ${ROUNDS} storms, Node leaves nothing`,
  async (t) => {
    const from = seed()
    const random = new Random(from)
    let busy = 0
    for (let round = 0; round < ROUNDS; round++) {
      const directory = t.tempDir()
      const victim = startVictim(STORM, { args: [directory], env: { TMPDIR: directory } })
      const pid = victim.pid ?? 0
      // While the process makes what it makes once, as often as later.
      await lines(victim, random.chance(30) ? 1 : 2 + random.below(20))
      await sleep(random.below(10))
      const programs = ['true', 'probe'].map((name) => identity(join(probeRootfs, name)))
      const files = new Set([imageOf(pid), ...programs].filter((file) => file !== undefined))
      if (files.size > programs.length) busy++
      victim.kill('SIGKILL')
      await endOf(victim)
      const what = `round ${round} of COFFERDAM_SEED=${from}`
      assert.equal(await executing(files), [], `processes, ${what}`)
      assert.equal(await groupsLeft(pid, atMost(3000)), [], `cgroups, ${what}`)
      assert.equal(await workDirectories(directory), [], `work directories, ${what}`)
    }
    assert.ok(busy > ROUNDS / 3, `only in ${busy} rounds had it started anything`)
  },
  { needs: [root, cgroup2], timeoutMs: 20_000 + ROUNDS * 4_000 },
)

/** Once a process has written so many lines. */
function lines(victim: ChildProcess, count: number): Promise<void> {
  let seen = 0
  return new Promise((done) => {
    victim.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString().split('\n').length - 1
      if (seen >= count) done()
    })
    victim.once('exit', () => done())
  })
}

async function workDirectories(directory: string): Promise<string[]> {
  const deadlineMs = performance.now() + atMost(3000)
  for (;;) {
    const left = readdirSync(directory).filter((name) => name.startsWith('.cofferdam') || name.startsWith('cofferdam'))
    if (left.length === 0 || performance.now() > deadlineMs) return left
    await sleep(10)
  }
}

const ANSWERS = `
  const texts = await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    await new Promise((done) => setTimeout(done, i * 25))
    const recipe = i % 2 ? box.share('net') : box.share('net').limits({ output: '1MiB' })
    const { stdout } = await recipe.run('/probe', ['cat'], { input: 'x'.repeat(100_000) + i })
    return stdout.slice(100_000)
  }))
  process.stdout.write(texts.join())
`

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has gone meanwhile.
  }
}

test('stopped and continued again and again, Node and its inits lose nothing', async () => {
  const from = seed()
  const random = new Random(from)
  const victim = startVictim(ANSWERS)
  let text = ''
  victim.stdout?.on('data', (chunk) => {
    text += chunk
  })
  const end = endOf(victim)
  const all = () => [victim.pid ?? 0, ...offspring(victim.pid ?? 0).map(({ pid }) => pid)]
  while (victim.exitCode === null && victim.signalCode === null) {
    const some = all().filter(() => random.chance(50))
    for (const pid of some) signal(pid, 'SIGSTOP')
    await sleep(random.below(8))
    for (const pid of new Set([...some, ...all()])) signal(pid, 'SIGCONT')
    await sleep(random.below(8))
  }
  assert.equal(await end, { code: 0, signal: null }, `COFFERDAM_SEED=${from}`)
  assert.is(text, Array.from({ length: 40 }, (_, i) => i).join(), `COFFERDAM_SEED=${from}`)
})

test.run()
