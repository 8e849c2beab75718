// limits({ cpuTime, wallTime }): who is ended, how late, and that nothing in Node is needed for it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Limits, SandboxUsage } from 'cofferdam'
import * as assert from 'uvu/assert'
import { blockEventLoop, box, runProbe, spawnProbe } from '../support/boxes.js'
import { cpuClock } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('time limits', { warmUp: true })

const SPENDERS = {
  'one process that spins': ['spin'],
  'several processes, none of which uses much': ['spin-children', '5', '100'],
  'children that end at once, one after another': ['spin-in-turn', '200', '5'],
  'a process that only makes the kernel work': ['write-forever', '1'],
}

for (const [name, args] of Object.entries(SPENDERS)) {
  test(
    `cpuTime ends ${name}, at most 50 ms late`,
    async (t) => {
      // The machine may be busy: a CPU that was taken away in the wrong moment is no property of the limit.
      const overshootsMs: number[] = []
      for (let round = 0; round < 3; round++) {
        const child = await spawnProbe(t, box({ cpuTime: 200, wallTime: '15s' }), args, { stdout: 'ignore' })
        const result = await child.wait()
        assert.is(result.outcome, 'cpu-time-limit', result.explain())
        assert.equal(result.limitsExceeded, ['cpuTime'])
        assert.ok(result.usage.cpuTimeMs >= 200, `ended early, after ${result.usage.cpuTimeMs} ms`)
        overshootsMs.push(result.usage.cpuTimeMs - 200)
      }
      assert.ok(Math.min(...overshootsMs) <= 50, `overshoots: ${overshootsMs.join(', ')} ms`)
    },
    { needs: cpuClock },
  )
}

test(
  'cpuTime is not wall time: a sleeper may outlast it',
  async () => {
    const result = await runProbe(box({ cpuTime: 100 }), 'sleep', '0.4')
    assert.is(result.outcome, 'exited', result.explain())
    assert.ok(result.usage.wallTimeMs >= 400)
  },
  { needs: cpuClock },
)

test(
  'cpuTime lets a program use nearly all of it',
  async () => {
    const result = await runProbe(box({ cpuTime: 1000 }), 'spin', '700')
    assert.is(result.outcome, 'exited', result.explain())
    assert.ok(result.usage.cpuTimeMs >= 700)
  },
  { needs: cpuClock },
)

test('wallTime ends a sleeper, at the limit', async () => {
  const usages: SandboxUsage[] = []
  for (let round = 0; round < 3; round++) {
    const result = await runProbe(box({ wallTime: 200 }), 'sleep', '60')
    assert.is(result.outcome, 'wall-time-limit', result.explain())
    assert.equal(result.limitsExceeded, ['wallTime'])
    assert.is(result.signal, 'SIGKILL')
    usages.push(result.usage)
  }
  const walls = usages.map(({ wallTimeMs }) => wallTimeMs)
  assert.ok(Math.min(...walls) >= 200, `ended early: ${walls.join(', ')} ms`)
  assert.ok(Math.min(...walls) <= 250, `ended late: ${walls.join(', ')} ms`)
})

test('wallTime ends the children, too, and those that have a session of their own', async (t) => {
  const child = await spawnProbe(t, box({ wallTime: 200 }), ['orphan', '60', ',', 'sleep', '60'])
  const result = await child.wait()
  assert.is(result.outcome, 'wall-time-limit')
  // stdout ends when the last process that holds it is gone.
  const orphan = await new Promise((done) => child.stdout?.once('end', () => done('gone')).resume())
  assert.is(orphan, 'gone')
})

const BLOCKED: [name: string, limits: Limits, args: string[], used: (usage: SandboxUsage) => number][] = [
  ['wallTime', { wallTime: 200 }, ['sleep', '60'], (usage) => usage.wallTimeMs],
  ['cpuTime', { cpuTime: 200 }, ['spin'], (usage) => usage.cpuTimeMs],
]
for (const [name, limits, args, used] of BLOCKED) {
  test(
    `${name} holds while the event loop is blocked`,
    async (t) => {
      const child = await spawnProbe(t, box(limits), args)
      blockEventLoop(1200)
      const result = await child.wait()
      assert.equal(result.limitsExceeded, [name])
      assert.ok(used(result.usage) < atMost(600), `used ${used(result.usage)} ms`)
    },
    { needs: name === 'cpuTime' ? cpuClock : [] },
  )
}

test(
  'a limit of a millisecond is one',
  async () => {
    const asleep = await runProbe(box({ wallTime: 1 }), 'sleep', '60')
    assert.is(asleep.outcome, 'wall-time-limit')
    const busy = await runProbe(box({ cpuTime: '1ms' }), 'spin')
    assert.is(busy.outcome, 'cpu-time-limit')
  },
  { needs: cpuClock },
)

test(
  "'max' takes an earlier limit back",
  async () => {
    const narrow = box({ wallTime: 100, cpuTime: 50 })
    const result = await runProbe(narrow.limits({ wallTime: 'max', cpuTime: 'max' }), 'spin', '150')
    assert.is(result.outcome, 'exited', result.explain())
    assert.is((await runProbe(narrow, 'spin', '150')).ok, false, 'the recipe it was taken from still has it')
  },
  { needs: cpuClock },
)

test(
  'the longest limit does not end anything early',
  async () => {
    const result = await runProbe(box({ wallTime: '365d', cpuTime: '365d' }), 'spin', '20')
    assert.ok(result.ok, result.explain())
  },
  { needs: cpuClock },
)

test(
  'of two limits the one that is reached first ends the program',
  async () => {
    const both = { cpuTime: 200, wallTime: 5000 }
    assert.is((await runProbe(box(both), 'spin')).outcome, 'cpu-time-limit')
    assert.is((await runProbe(box({ ...both, wallTime: 150 }), 'sleep', '60')).outcome, 'wall-time-limit')
  },
  { needs: cpuClock },
)

test('nothing of an ended tree goes on using CPU time', async (t) => {
  const child = await spawnProbe(t, box({ wallTime: 200 }), ['spin-children', '4'])
  const paths = child.cgroup.paths
  await child.wait()
  await child.closed
  await sleep(10)
  const { existsSync } = await import('node:fs')
  assert.equal(
    paths.filter((path) => existsSync(path)),
    [],
  )
})

test.run()
