// Promises that are made when somebody asks for them.
import * as assert from 'uvu/assert'
import { Deferred } from '../../src/deferred.js'
import { suite } from '../support/suite.js'

const test = suite('deferred')

test('whether it is asked for before or after, a promise is settled in the same way, and once', async () => {
  for (const early of [true, false]) {
    const resolved = new Deferred<number>()
    const rejected = new Deferred<number>()
    if (early) assert.ok(resolved.promise && rejected.promise)
    resolved.resolve(1)
    resolved.resolve(2)
    resolved.reject(() => new Error('late'))
    rejected.reject(() => new Error('first'))
    rejected.reject(() => new Error('second'))
    rejected.resolve(3)
    assert.is(await resolved.promise, 1)
    assert.is(resolved.promise, resolved.promise)
    assert.is(await rejected.promise.catch((error: Error) => error.message), 'first')
    assert.ok(resolved.settled && rejected.settled)
  }
})

test('an error that nobody asks for is not made, and one that nobody waits for is no unhandled rejection', async () => {
  let made = 0
  const unasked = new Deferred<void>()
  unasked.reject(() => {
    made++
    return new Error('not wanted')
  })
  assert.is(made, 0)
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  const asked = new Deferred<void>()
  assert.ok(asked.promise)
  asked.reject(() => new Error('not waited for'))
  assert.ok(unasked.promise)
  await new Promise((done) => setImmediate(done))
  process.off('unhandledRejection', note)
  assert.equal(unhandled, [])
})

test.run()
