// limits({ memory, swap }): whatever kind of memory it is, and whoever of the tree uses it.
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, runProbe, spawnProbe } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('memory limits', { warmUp: true })
const needs = controller('memory')
const MIB = 2 ** 20
const SIZE = String(64 * MIB)

test(
  'a program within the limit runs, one beyond it is killed',
  async () => {
    const within = await runProbe(box({ memory: '16MiB' }), 'eat', String(12 * MIB))
    assert.ok(within.ok, within.explain())
    assert.equal(within.limitsExceeded, [])
    const beyond = await runProbe(box({ memory: '16MiB' }), 'eat', String(20 * MIB))
    assert.is(beyond.outcome, 'memory-limit', beyond.explain())
    assert.is(beyond.signal, 'SIGKILL')
    assert.equal(beyond.limitsExceeded, ['memory'])
  },
  { needs },
)

const KINDS = {
  'anonymous memory': ['eat', SIZE],
  'a file in /tmp': ['write-file', '/tmp/file', SIZE],
  'a file in /dev/shm': ['write-file', '/dev/shm/file', SIZE],
  "a file in the root's writable layer": ['write-file', '/file', SIZE],
  'a memfd': ['eat-memfd', SIZE],
}
for (const [name, args] of Object.entries(KINDS)) {
  test(
    `${name} counts`,
    async () => {
      // Its root user may write everywhere, and nothing but the memory limit is in the way.
      const recipe = box({ memory: '16MiB' }).user(0).tmpfs('/tmp', { size: '256MiB' })
      const result = await runProbe(recipe, ...args)
      assert.is(result.outcome, 'memory-limit', `${result.explain()} ${result.stderr}`)
      const larger = await runProbe(recipe.limits({ memory: '256MiB' }), ...args)
      assert.ok(larger.ok, `${larger.explain()} ${larger.stderr}`)
    },
    { needs },
  )
}

test(
  'the processes of a tree share one limit',
  async () => {
    const eater = ['in-child', 'eat', String(10 * MIB), '1']
    const alone = await runProbe(box({ memory: '24MiB' }), ...eater)
    assert.is(alone.stdout, 'eaten\nexited 0\n', alone.explain())
    // Both parents and children of these hold 10 MiB at the same time.
    const both = await runProbe(box({ memory: '24MiB' }), 'eat', String(16 * MIB), ',', ...eater)
    assert.equal(both.limitsExceeded, ['memory'], both.explain())
  },
  { needs },
)

test(
  'only a child was killed and the parent fails: still the memory limit, with the exit code of the parent',
  async () => {
    const result = await runProbe(box({ memory: '16MiB' }), 'eat-child', SIZE)
    assert.is(result.stdout, 'child killed by 9\n')
    assert.is(result.outcome, 'memory-limit')
    assert.is(result.exitCode, 3)
    assert.is(result.signal, undefined)
    assert.match(result.explain(), /memory limit of 16 MiB: the kernel killed 1 process, and it exited with code 3/)
  },
  { needs },
)

test(
  'a child was killed and the parent exits with 0: exited, and the limit is told',
  async () => {
    const result = await runProbe(box({ memory: '16MiB' }), 'in-child', 'eat', SIZE)
    assert.is(result.stdout, 'signaled 9\n')
    assert.is(result.outcome, 'exited')
    assert.ok(result.ok)
    assert.equal(result.limitsExceeded, ['memory'])
    assert.match(result.explain(), 'having crossed its memory limit')
  },
  { needs },
)

test(
  'page cache counts but is given back: a file many times the limit can be written and read',
  async (t) => {
    const directory = t.tempDir()
    const recipe = box({ memory: '8MiB' }).user(0).bind(directory, '/work', { writable: true })
    chmodSync(directory, 0o777)
    const result = await runProbe(recipe, 'write-file', '/work/file', SIZE)
    assert.is(statSync(join(directory, 'file')).size, 64 * MIB)
    assert.equal(result.limitsExceeded, [], result.explain())
    const child = await spawnProbe(t, recipe, ['read', '/work/file'], { stdout: 'ignore' })
    assert.is((await child.wait()).outcome, 'exited')
  },
  { needs },
)

test(
  'a program that fails for another reason has not hit its memory limit',
  async () => {
    const failed = await runProbe(box({ memory: '16MiB' }), 'exit', '3')
    assert.is(failed.outcome, 'exited')
    const killed = await runProbe(box({ memory: '16MiB' }), 'signal', '9')
    assert.is(killed.outcome, 'signaled')
    assert.equal(killed.limitsExceeded, [])
  },
  { needs },
)

test(
  'swap is 0 unless the recipe grants it',
  async (t) => {
    const swapAllowed = async (swap?: string) => {
      const limits = swap === undefined ? { memory: '16MiB' } : { memory: '16MiB', swap }
      return swapLimit(await spawnProbe(t, box(limits), ['sleep', '60']))
    }
    const none = await swapAllowed()
    if (none === undefined) t.skip('the kernel does not count swap')
    assert.is(none, 0)
    assert.is(await swapAllowed('4MiB'), 4 * MIB)
    assert.is(await swapAllowed('max'), Number.POSITIVE_INFINITY)
  },
  { needs },
)

test(
  "the smallest limit is accepted, and 'max' takes an earlier one back",
  async () => {
    // A static program without a C library fits into it.
    const result = await box({ memory: '64KiB' }).run('/true')
    assert.ok(['exited', 'memory-limit'].includes(result.outcome), result.explain())
    assert.ok((await box({ memory: '1MiB' }).run('/true')).ok)
    const freed = await runProbe(box({ memory: '1MiB' }).limits({ memory: 'max' }), 'eat', String(32 * MIB))
    assert.ok(freed.ok, freed.explain())
  },
  { needs },
)

function swapLimit({ cgroup }: SandboxProcess): number | undefined {
  for (const path of cgroup.paths) {
    const swap = read(`${path}/memory.swap.max`)
    if (swap !== undefined) return swap === 'max' ? Number.POSITIVE_INFINITY : Number(swap)
    const both = read(`${path}/memory.memsw.limit_in_bytes`)
    // v1 limits memory and swap together; unlimited is the largest number of pages.
    if (both !== undefined) {
      return Number(both) > 2 ** 60 ? Number.POSITIVE_INFINITY : Number(both) - 16 * MIB
    }
  }
  return undefined
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

test.run()
