// Groups that a dead process has left, its janitor having died with it: the next process removes them, and no others.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { box, probeRootfs, spawnProbe } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { cgroup2, root } from '../support/host.js'
import { suite } from '../support/suite.js'
import { groupsLeft, offspring, PREAMBLE, startVictim, stop } from '../support/victims.js'

const test = suite('orphan groups', { warmUp: true })
const needs = [root, cgroup2]

const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

/** Processes that execute the very file that this one does. A janitor is nobody's child, but it is told by that. */
function sameProgram(pid: number): number[] {
  const image = (of: string) => {
    try {
      return statSync(`/proc/${of}/exe`).ino
    } catch {
      return undefined // gone, or none of our business
    }
  }
  const wanted = image(`${pid}`)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && image(name) === wanted)
    .map(Number)
}

/** A process with two live sandboxes, of which everything is killed at once. */
async function kill(): Promise<string[]> {
  const victim = startVictim(`
    const start = () => box.limits({ pids: 4 }).spawn('/probe', ['sleep', '60'], { stdin: 'ignore' })
    await Promise.all([start(), start()])
    console.log('ready')`)
  await new Promise((done) => victim.stdout?.once('data', done))
  await stop(victim)
  const [init] = offspring(victim.pid ?? 0).filter(({ name }) => name === 'cofferdam-init')
  for (const pid of sameProgram(init?.pid ?? 0)) if (nameOf(pid) === 'cofferdam-clean') process.kill(pid, 'SIGKILL')
  victim.kill('SIGKILL')
  await new Promise((done) => victim.once('exit', done))
  return groupsLeft(victim.pid, 300)
}

/** Runs one sandbox in a process of its own, which is the next to look. */
async function next(): Promise<void> {
  const { stderr } = await runNode(`${PREAMBLE}; await box.limits({ pids: 4 }).run('/true')`, { args: [probeRootfs] })
  assert.is(stderr, '')
}

test(
  'what a killed process and its janitor have left goes when the next one starts a sandbox',
  async () => {
    const left = await kill()
    assert.ok(left.length > 0, 'without this the test shows nothing')
    await next()
    for (const path of left) assert.not(existsSync(path), path)
  },
  { needs },
)

test(
  'groups of live processes stay, and so do directories of other names',
  async (t) => {
    const child = await spawnProbe(t, box({ pids: 4 }), ['sleep', '60'])
    const group = dirname(child.cgroup.path ?? '')
    const foreign = join(dirname(group), 'cofferdam-of-somebody-else')
    mkdirSync(foreign)
    t.cleanUp(() => rmdirSync(foreign))
    await next()
    assert.ok(existsSync(foreign))
    assert.ok(existsSync(join(group, 'init')))
    assert.is(readFileSync(join(child.cgroup.path ?? '', 'cgroup.procs'), 'utf8'), `${child.pid}\n`)
    assert.ok((await box().run('/true')).ok)
  },
  { needs },
)

test(
  'many processes that start at once take nothing from each other',
  async () => {
    await kill()
    await Promise.all(Array.from({ length: 6 }, next))
  },
  { needs, timeoutMs: 40_000 },
)

test.run()
