// result.usage: figures of the whole tree, without the sandbox's own overhead, and undefined rather than invented.
import { type RunResult, type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs, runProbe } from '../support/boxes.js'
import { controller, cpuClock } from '../support/host.js'
import { cgroupV2 } from '../support/kinds.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('usage', { warmUp: true })
const MIB = 2 ** 20
const isV2 = cgroupV2() === undefined

function assertBetween(value: number | undefined, low: number, high: number, what: string): void {
  assert.ok(value !== undefined && value >= low && value <= high, `${what}: ${value}, not from ${low} to ${high}`)
}

async function used(recipe: Sandbox, ...args: string[]): Promise<RunResult['usage']> {
  return (await runProbe(recipe, ...args)).throwIfFailed().usage
}

const TREES = {
  'one process': ['spin', '200'],
  'a child': ['in-child', 'spin', '200'],
  'children at the same time': ['spin-children', '4', '50'],
  'children one after another': ['spin-in-turn', '10', '20'],
}
for (const [name, args] of Object.entries(TREES)) {
  test(`CPU time is counted of ${name}`, async () => {
    const { cpuTimeMs, userTimeMs, systemTimeMs } = await used(box(), ...args)
    assertBetween(cpuTimeMs, 195, 200 + atMost(100), 'CPU time in ms')
    assertBetween(userTimeMs + systemTimeMs, cpuTimeMs * 0.9 - 5, cpuTimeMs * 1.1 + 5, 'its parts in ms')
  })
}

test(
  'CPU time of a child that was never waited for is counted',
  async () => {
    const result = await runProbe(box({ wallTime: 500 }), 'spin-children', '1')
    assertBetween(result.usage.cpuTimeMs, 200, 500 + atMost(20), 'CPU time in ms')
  },
  { needs: cpuClock },
)

test('user and system time are told apart', async () => {
  const user = await used(box(), 'spin', '200')
  const system = await used(box(), 'spin-in-turn', '400', '0')
  const both = JSON.stringify({ user, system })
  assert.ok(user.userTimeMs > user.systemTimeMs, both)
  assert.ok(system.systemTimeMs > system.userTimeMs, both)
  // An emulated kernel is slow.
  assert.ok(user.userTimeMs / user.systemTimeMs > 3 * (system.userTimeMs / system.systemTimeMs), both)
})

test('a sleeper uses wall time and next to no CPU time', async () => {
  const usage = await used(box(), 'sleep', '0.3')
  assertBetween(usage.wallTimeMs, 300, 300 + atMost(300), 'wall time in ms')
  assertBetween(usage.cpuTimeMs, 0, atMost(30), 'CPU time in ms')
})

test("wall time is the program's: setting the sandbox up is not in it", async () => {
  const walls: number[] = []
  for (let round = 0; round < 5; round++) walls.push((await box().run('/true')).usage.wallTimeMs)
  assert.ok(Math.min(...walls) < atMost(3), `${walls.join(', ')} ms`)
})

for (const [name, recipe] of [
  ['no limits at all', () => box()],
  ['a memory limit', () => box({ memory: '64MiB' })],
  ["measure('memory')", () => box().measure('memory')],
  ['a memory limit of 1 MiB', () => box({ memory: '1MiB' })],
] as const) {
  test(
    `a static program that does nothing peaks below 1 MiB, with ${name}`,
    async () => {
      const { usage } = (await recipe().run('/true')).throwIfFailed()
      assert.ok(usage.memoryPeakBytes < MIB, `${usage.memoryPeakBytes} bytes`)
    },
    { needs: controller('memory') },
  )
}

for (const [name, recipe] of [
  ['a memory limit', () => box({ memory: '64MiB' })],
  ["measure('memory')", () => box().measure('memory')],
  ['neither', () => box()],
] as const) {
  test(
    `the memory peak is what the program used, with ${name}`,
    async () => {
      const { memoryPeakBytes } = await used(recipe(), 'eat', String(24 * MIB))
      assertBetween(memoryPeakBytes, 24 * MIB, 28 * MIB, 'peak in bytes')
    },
    { needs: controller('memory') },
  )
}

test(
  'the memory peak is that of all processes together, also when they have ended',
  async () => {
    const together = await used(box().measure('memory'), 'eat', String(12 * MIB), ',', 'in-child', 'eat', '8388608')
    assertBetween(together.memoryPeakBytes, 20 * MIB, 24 * MIB, 'peak in bytes')
    const files = await used(box().measure('memory').user(0), 'write-file', '/tmp/file', String(16 * MIB))
    assertBetween(files.memoryPeakBytes, 16 * MIB, 20 * MIB, 'peak in bytes')
  },
  { needs: controller('memory') },
)

test(
  'pidsPeak is the most processes at once, and unknown when nobody counted',
  async () => {
    const recipes = [box({ pids: 20 }), box().measure('pids')]
    for (const recipe of recipes) {
      const { pidsPeak } = await used(recipe, 'fork-n', '5', ',', 'spin-in-turn', '10', '0')
      if (pidsPeak !== undefined) assert.is(pidsPeak, 6)
    }
    assert.is((await used(box({ pids: 1 }), 'say', 'alone')).pidsPeak ?? 1, 1)
    // A v2 leaf counts without being asked.
    assert.is((await used(box(), 'fork-n', '5')).pidsPeak, isV2 ? 6 : undefined)
  },
  { needs: controller('pids') },
)

test(
  "the sandbox's own processes are outside every limit",
  async () => {
    const tight = box({ pids: 1, memory: '1MiB', cpuTime: 100, wallTime: 5000 })
    const result = await tight.run('/true')
    assert.ok(result.ok, result.explain())
    assert.equal(result.limitsExceeded, [])
  },
  { needs: [controller('pids'), controller('memory')] },
)

test(
  "the root's own pages are not the program's memory",
  async () => {
    // A program that was read before is in the page cache, which was paid for by whoever read it.
    const recipe = sandbox()
      .rootfs(probeRootfs)
      .file('/large', 'x'.repeat(4 * MIB))
      .measure('memory')
    await recipe.run('/true')
    const { usage } = (await recipe.run('/true')).throwIfFailed()
    assert.ok(usage.memoryPeakBytes < MIB, `${usage.memoryPeakBytes} bytes`)
  },
  { needs: controller('memory') },
)

test(
  'disk figures are 0 for a program that touches no disk, when they are measured',
  async () => {
    const usage = await used(box().measure('io'), 'say', 'x')
    assert.is(usage.writtenBytes, 0)
    assert.type(usage.readBytes, 'number')
  },
  { needs: controller('io') },
)

test('context switches are counted by their kind', async () => {
  const asleep = await used(box(), 'sleep', '0', ',', 'sleep', '0.01', ',', 'sleep', '0.01', ',', 'sleep', '0.01')
  assert.ok(asleep.voluntarySwitches >= 3, `${asleep.voluntarySwitches} voluntary`)
  const busy = await used(box(), 'spin-children', '4', '100')
  assert.ok(busy.involuntarySwitches > 0, `${busy.involuntarySwitches} involuntary`)
})

test(
  'figures are the numbers of this run, not of the one before',
  async () => {
    const heavy = box({ memory: '64MiB', pids: 10 })
    await runProbe(heavy, 'eat', String(16 * MIB), ',', 'fork-n', '5', ',', 'spin', '200')
    const usage = await used(heavy, 'say', 'light')
    assert.ok(usage.memoryPeakBytes < 4 * MIB, `${usage.memoryPeakBytes} bytes`)
    assert.ok(usage.cpuTimeMs < atMost(50), `${usage.cpuTimeMs} ms`)
    assert.ok((usage.pidsPeak ?? 1) < 3, `${usage.pidsPeak} processes`)
  },
  { needs: [controller('memory'), controller('pids')] },
)

test.run()
