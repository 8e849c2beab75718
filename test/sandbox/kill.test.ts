// kill(): which signals there are, whom they reach, and what the answer means.
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { box, firstText, spawnProbe } from '../support/boxes.js'
import { suite } from '../support/suite.js'

const test = suite('kill', { warmUp: true })

test('kill sends a signal by name or by number, SIGTERM by default', async (t) => {
  for (const [signal, name] of [
    [undefined, 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    [10, 'SIGUSR1'],
    ['SIGKILL', 'SIGKILL'],
    [64, 'SIGRTMIN+30'],
  ] as const) {
    const child = await spawnProbe(t, box(), ['sleep', '60'])
    assert.is(signal === undefined ? child.kill() : child.kill(signal), true)
    assert.is((await child.wait()).signal, name)
  }
})

test('kill reaches the command alone: what to do about its children is its own affair', async (t) => {
  const child = await spawnProbe(t, box(), ['in-child', 'sleep', '0.5'])
  await sleep(100)
  child.kill('SIGUSR1')
  assert.is((await child.wait()).signal, 'SIGUSR1')
})

test('a program may ignore SIGTERM, but not SIGKILL', async (t) => {
  const child = await spawnProbe(t, box(), ['ignore-term'])
  await firstText(child.stdout)
  assert.ok(child.kill())
  const early = await Promise.race([child.wait(), sleep(200, 'still there')])
  assert.is(early, 'still there')
  child.kill('SIGKILL')
  assert.is((await child.wait()).signal, 'SIGKILL')
})

test('signal 0 only asks; after the end the answer is false, for every signal', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  assert.ok(child.kill(0))
  assert.ok(child.kill('SIGKILL'))
  await child.wait()
  assert.equal([child.kill(), child.kill('SIGKILL'), child.kill(0)], [false, false, false])
  await child.closed
  assert.not(child.kill())
})

test('what is no signal is refused by name, also after the end', async (t) => {
  const child = await spawnProbe(t, box(), ['sleep', '60'])
  const kill = child.kill.bind(child) as (signal: unknown) => boolean
  const refused = () => {
    assert.throws(() => kill('SIGTREM'), /SIGTERM/)
    assert.throws(
      () => kill('term'),
      (error: Error) => error instanceof TypeError,
    )
    for (const number of [-1, 65, 1.5, Number.NaN]) {
      assert.throws(
        () => kill(number),
        (error: Error) => error instanceof RangeError,
      )
    }
    assert.throws(
      () => kill(null),
      (error: Error) => error instanceof TypeError,
    )
  }
  refused()
  child.kill('SIGKILL')
  await child.wait()
  refused()
})

test.run()
