// Being in the group from the first instruction on: a program that forks before anything else has nobody outside.
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { cgroup2, controller } from '../support/host.js'
import { cgroupV2, kernelFrom } from '../support/kinds.js'
import { forkFirst, tinyRootfs } from '../support/probe.js'
import { slowness } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('attach', { warmUp: true })

/** In an emulator thousands take minutes; COFFERDAM_SLOW=1 has all of them there, too. */
const ROUNDS = 2000 / slowness
const AT_ONCE = 4

function forker(t: TestContext): Sandbox {
  const root = tinyRootfs()
  t.cleanUp(() => root.remove())
  copyFileSync(forkFirst(), join(root.path, 'fork-first'))
  // A network namespace has nothing to do with it, and costs more than all the rest.
  return sandbox().rootfs(root.path, { mode: 'readonly' }).share('net')
}

/** Runs it that often; what each run gave, with how often. */
async function tally<T>(recipe: Sandbox, rounds: number, answer: (run: Awaited<ReturnType<Sandbox['run']>>) => T) {
  const answers = new Map<T, number>()
  let started = 0
  const worker = async () => {
    while (started++ < rounds) {
      const given = answer(await recipe.run('/fork-first'))
      answers.set(given, (answers.get(given) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return [...answers]
}

test(
  'with room for one process the fork fails, every time',
  async (t) => {
    const recipe = forker(t).limits({ pids: 1 })
    assert.equal(await tally(recipe, ROUNDS, ({ exitCode }) => exitCode), [[constants.errno.EAGAIN, ROUNDS]])
  },
  { needs: controller('pids'), timeoutMs: 120_000 },
)

test(
  'with room for more both processes are counted, every time',
  async (t) => {
    const recipe = forker(t).measure('pids')
    const seen = await tally(recipe, ROUNDS, ({ exitCode, usage }) => `${exitCode}, ${usage.pidsPeak} processes`)
    assert.equal(seen, [['0, 2 processes', ROUNDS]])
  },
  { only: [cgroupV2, kernelFrom(6, 1)], needs: controller('pids'), timeoutMs: 120_000 },
)

test(
  'what it leaves behind ends with it, also without a pid namespace',
  async (t) => {
    const recipe = forker(t).share('pid')
    assert.equal(await tally(recipe, 100, ({ exitCode }) => exitCode), [[0, 100]])
    const names = readdirSync('/proc').flatMap((pid) => nameOf(pid) ?? [])
    assert.not.ok(names.includes('fork-first'))
  },
  { needs: cgroup2, timeoutMs: 60_000 },
)

function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined
  }
}

test.run()
