// clockOffset() and the time namespace: two clocks move, the clock of the day does not, and limits stay what they are.
import { type Sandbox, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, toArguments } from '../support/ask.js'
import { box, probeRootfs } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { kernelBefore, kernelFrom } from '../support/kinds.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

const test = suite('clocks', { warmUp: true })

/** A time namespace that is entered by execve: only its clocks can be moved by who does not fork. */
const only = kernelFrom(6, 2)

type Clocks = Record<'realtime' | 'monotonic' | 'boottime', number>

const DAY = 86_400

/** What each clock shows inside, less what it shows on the host: exactly, but for the time that a question takes. */
async function offsets(read: () => Promise<Clocks>): Promise<Clocks> {
  const [before] = askHost<[Clocks]>('clock')
  const inside = await read()
  const [after] = askHost<[Clocks]>('clock')
  const offset = (name: keyof Clocks) => {
    const [least, most] = [inside[name] - after[name], inside[name] - before[name]]
    const whole = Math.round((least + most) / 2)
    assert.ok(whole >= least - 0.001 && whole <= most + 0.001, `${name} is ${least} to ${most} s off`)
    return whole + 0
  }
  return { realtime: offset('realtime'), monotonic: offset('monotonic'), boottime: offset('boottime') }
}

function offsetsOf(recipe: Sandbox): Promise<Clocks> {
  return offsets(async () => (await ask<[Clocks]>(recipe, 'clock'))[0])
}

test('clocks go as on the host when nothing is said', async () => {
  assert.equal(await offsetsOf(box()), { realtime: 0, monotonic: 0, boottime: 0 })
  assert.equal(await offsetsOf(box().share('time')), { realtime: 0, monotonic: 0, boottime: 0 })
})

test(
  'clocks can be put forward, each by its own offset, and the clock of the day stays',
  async () => {
    const recipe = box().clockOffset({ monotonic: '1d', boottime: '30d' })
    assert.equal(await offsetsOf(recipe), { realtime: 0, monotonic: DAY, boottime: 30 * DAY })
  },
  { only },
)

test(
  'clocks can be put back',
  async () => {
    const recipe = box().clockOffset({ monotonic: '-3s', boottime: -2000 })
    assert.equal(await offsetsOf(recipe), { realtime: 0, monotonic: -3, boottime: -2 })
  },
  { only },
)

test(
  'one clock can be moved without the other',
  async () => {
    assert.equal(await offsetsOf(box().clockOffset({ monotonic: '1h' })), { realtime: 0, monotonic: 3600, boottime: 0 })
    assert.equal(await offsetsOf(box().clockOffset({ boottime: '1h' })), { realtime: 0, monotonic: 0, boottime: 3600 })
  },
  { only },
)

test(
  'parts of a second count, also before zero',
  async () => {
    for (const offset of [1500, -1500]) {
      const [{ monotonic: before }] = askHost<[Clocks]>('clock')
      const [{ monotonic }] = await ask<[Clocks]>(box().clockOffset({ monotonic: offset }), 'clock')
      const [{ monotonic: after }] = askHost<[Clocks]>('clock')
      assert.ok(monotonic >= before + offset / 1000 && monotonic <= after + offset / 1000)
    }
  },
  { only },
)

test(
  'a time namespace needs no other one',
  async () => {
    const recipe = sandbox().namespaces('time').clockOffset({ monotonic: '1d', boottime: '-1s' })
    const inside = await offsets(async () => {
      const { stdout } = await recipe.run(`${probeRootfs}/probe`, ['clock'])
      return JSON.parse(stdout)
    })
    assert.equal(inside, { realtime: 0, monotonic: DAY, boottime: -1 })
  },
  { only, needs: [root, cgroup2] },
)

test(
  '/proc/uptime goes by the moved clock',
  async () => {
    const recipe = box().clockOffset({ boottime: '30d' })
    const [uptime = '', { boottime } = { boottime: 0 }] = await ask<[string, Clocks]>(
      recipe,
      'read /proc/uptime',
      'clock',
    )
    assert.ok(Math.abs(Number.parseFloat(uptime) - boottime) < 5)
    assert.ok(boottime > 30 * DAY)
  },
  { only },
)

for (const offset of ['30d', '-2s']) {
  test(
    `wallTime is measured by no clock that can be moved (${offset})`,
    async () => {
      const recipe = box({ wallTime: 300 }).clockOffset({ monotonic: offset, boottime: offset })
      const result = await recipe.run('/probe', toArguments(['sleep 30']))
      assert.is(result.outcome, 'wall-time-limit', result.explain())
      assert.ok(
        result.usage.wallTimeMs >= 300 && result.usage.wallTimeMs < atMost(2000),
        `${result.usage.wallTimeMs} ms`,
      )
      assert.ok((await recipe.run('/true')).usage.wallTimeMs < atMost(2000))
    },
    { only },
  )
}

test(
  'a clock cannot be put back to before the boot',
  async () => {
    const recipe = box().clockOffset({ monotonic: '-36000d' })
    const error = await recipe.run('/true').catch((thrown: unknown) => thrown)
    assert.instance(error, SandboxSetupError)
    assert.is((error as SandboxSetupError).step, 'clock-offset')
    assert.is((error as SandboxSetupError).code, 'ERANGE')
  },
  { only },
)

test(
  'moving a clock is refused with the kernel that it needs, and nothing runs',
  async () => {
    const recipe = box().clockOffset({ monotonic: '1d' })
    const error = await recipe.run('/true').catch((thrown: unknown) => thrown)
    assert.instance(error, SandboxSetupError)
    assert.is((error as SandboxSetupError).step, 'clock-offset')
    assert.match((error as SandboxSetupError).hint ?? '', 'Linux 6.2')
  },
  { only: kernelBefore(6, 2) },
)

test.run()
