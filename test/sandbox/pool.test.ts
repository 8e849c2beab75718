// SandboxPool: who gets a box and when, and what becomes of a job that is aborted, late, refused, or in a closed pool.
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxPool, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box as recipe } from '../support/boxes.js'
import { ended } from '../support/command.js'
import { closing, codeOf, tell } from '../support/open-boxes.js'
import { suite, type TestContext } from '../support/suite.js'
import { offspring, startVictim } from '../support/victims.js'

const test = suite('pool', { warmUp: true })

type Options = Partial<ConstructorParameters<typeof SandboxPool>[0]>

function poolOf(t: TestContext, options: Options = {}): SandboxPool {
  return closing(t, new SandboxPool({ recipe: recipe(), concurrency: 2, warm: 1, ...options }))
}

/** Waits until a pool says so. */
async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 500) throw new Error('It has not come to be within 5 s')
    await sleep(10)
  }
}

test('many jobs run, at most as many at once as there may be, each in a box of its own', async (t) => {
  for (const warm of [0, 1, 3]) {
    const pool = poolOf(t, { concurrency: 3, warm })
    let most = 0
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const result = await pool.run('/probe', ['write', '/tmp/mine', String(i), ',', 'ls', '/tmp', ',', 'cat'], {
          input: `job ${i}`,
        })
        most = Math.max(most, pool.pending)
        return result.stdout
      }),
    )
    for (const [i, text] of results.entries()) assert.is(text, `["mine"]\njob ${i}`)
    assert.ok(most <= 3, `${most} at once`)
    await pool.onIdle()
    assert.equal([pool.size, pool.pending], [0, 0])
  }
})

test('warm boxes wait booted, are used once, and are replaced', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 2 })
  await until(() => pool.ready === 2)
  const namespaces = new Set<string>()
  for (let i = 0; i < 6; i++) {
    const { user } = JSON.parse(await tell(pool, 'ns'))
    namespaces.add(JSON.stringify(user))
    assert.is(await tell(pool, 'ls /tmp', 'touch /tmp/left'), '[]\n')
  }
  await until(() => pool.ready === 2)
})

test('a warm box that died while it waited is replaced unseen', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 3 })
  await until(() => pool.ready === 3)
  const inits = () => offspring(process.pid).filter(({ name }) => name === 'cofferdam-init')
  await until(() => inits().length === 3) // those of the test before may still be ending
  const killed = inits()
  for (const { pid } of killed) process.kill(pid, 'SIGKILL')
  // The pool has not heard of it: the event loop does not turn meanwhile.
  const isThere = ({ pid }: { pid: number }) => existsSync(`/proc/${pid}`)
  for (const endMs = performance.now() + 5000; killed.some(isThere) && performance.now() < endMs; );
  for (let i = 0; i < 4; i++) assert.is(await tell(pool, `say ${i}`), `${i}\n`)
  await until(() => pool.ready === 3)
})

test('spawn keeps its place in the pool until its command has ended', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1 })
  const child = await pool.spawn('/probe', ['cat'])
  const later = pool.run('/probe', ['say', 'later'])
  await sleep(50)
  assert.equal([pool.pending, pool.size], [1, 1])
  child.stdin?.end('done')
  let text = ''
  for await (const chunk of child.stdout ?? []) text += chunk
  assert.is(text, 'done')
  assert.ok((await child.wait()).ok)
  assert.is((await later).stdout, 'later\n')
})

test('jobs of a higher priority go first; among equals, those that came first', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1 })
  pool.pause()
  assert.ok(pool.paused)
  const order: string[] = []
  const jobs = (
    [
      ['a', 0],
      ['b', 0],
      ['c', 5],
      ['d', -1],
      ['e', 5],
    ] as const
  ).map(async ([name, priority]) => {
    const { stdout } = await pool.run('/probe', ['say', name], { priority })
    order.push(stdout.trim())
  })
  await sleep(20)
  assert.equal([pool.size, pool.pending, order.length], [5, 0, 0])
  pool.start()
  await Promise.all(jobs)
  assert.equal(order, ['c', 'e', 'a', 'b', 'd'])
})

test('a long queue is served in order, and nobody starves', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 2, queueLimit: 100 })
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      await pool.run('/true')
      order.push(i)
    }),
  )
  for (const [place, i] of order.entries()) assert.is(place, i)
})

test('more jobs than queueLimit are refused at once, typed, and the others run', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1, queueLimit: 2 })
  const children = [0, 1, 2].map((i) => pool.run('/probe', ['sleep', '0.2', ',', 'say', String(i)]))
  const startMs = performance.now()
  assert.is(await codeOf(pool.run('/true')), 'ERR_SANDBOX_QUEUE_FULL')
  assert.is(await codeOf(pool.spawn('/true')), 'ERR_SANDBOX_QUEUE_FULL')
  assert.ok(performance.now() - startMs < 150)
  for (const result of await Promise.all(children)) assert.ok(result.ok)
  assert.ok((await pool.run('/true')).ok)
  const none = poolOf(t, { concurrency: 1, warm: 1, queueLimit: 0 })
  assert.ok((await none.run('/true')).ok, 'one that need not wait is not refused')
})

test('a job that is aborted in the queue rejects at once and leaves it', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1 })
  const child = await pool.spawn('/probe', ['sleep', '60'])
  const abort = new AbortController()
  const waiting = [pool.run('/true', [], { signal: abort.signal }), pool.spawn('/true', [], { signal: abort.signal })]
  await sleep(20)
  assert.is(pool.size, 2)
  const reason = new Error('changed my mind')
  abort.abort(reason)
  for (const job of waiting) {
    const error = (await job.catch((thrown: unknown) => thrown)) as Error & { code: string }
    assert.is(error.code, 'ERR_SANDBOX_ABORTED')
    assert.is(error.cause, reason)
    assert.match(error.stack ?? '', 'pool.test')
  }
  assert.is(pool.size, 0)
  assert.is(await codeOf(pool.run('/true', [], { signal: abort.signal })), 'ERR_SANDBOX_ABORTED')
  await child[Symbol.asyncDispose]()
  assert.ok((await pool.run('/true')).ok)
})

test('a job that is aborted while it starts or runs ends, and gives its place up', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 0 })
  for (const delayMs of [0, 0, 1, 2, 5, 100]) {
    const abort = new AbortController()
    const job = pool.run('/probe', ['orphan', '60', ',', 'sleep', '60'], { signal: abort.signal }).then(
      ({ outcome }) => outcome,
      ({ code }) => code as string,
    )
    if (delayMs > 0) await sleep(delayMs)
    abort.abort()
    assert.match(await job, /^(aborted|ERR_SANDBOX_ABORTED)$/)
  }
  const abort = new AbortController()
  const running = await pool.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'], { signal: abort.signal })
  abort.abort()
  assert.is((await running.wait()).outcome, 'aborted')
  assert.ok((await pool.run('/true')).ok)
})

test('timeout: a job that does not get its turn is refused, one that runs is ended', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1 })
  const running = pool.run('/probe', ['sleep', '60'], { timeout: '400ms' })
  const waiting = pool.run('/true', [], { timeout: 100 })
  const error = (await waiting.catch((thrown: unknown) => thrown)) as Error & { code: string }
  assert.is(error.code, 'ERR_SANDBOX_TIMEOUT')
  assert.match(error.message, '100 ms')
  assert.match(error.stack ?? '', 'pool.test')
  assert.is((await running).outcome, 'aborted')
  assert.ok((await pool.run('/true', [], { timeout: '20s' })).ok)
})

test('clear() rejects what waits and lets go on what runs', async (t) => {
  const pool = poolOf(t, { concurrency: 1, warm: 1 })
  const running = pool.run('/probe', ['sleep', '0.2'])
  const waiting = [1, 2, 3].map(() => codeOf(pool.run('/true')))
  await sleep(20)
  pool.clear()
  assert.equal(await Promise.all(waiting), Array(3).fill('ERR_SANDBOX_ABORTED'))
  assert.is(pool.size, 0)
  assert.ok((await running).ok)
  assert.ok((await pool.run('/true')).ok)
})

test('close() with jobs in flight ends them all, one way or the other, and can be called again', async () => {
  const pool = new SandboxPool({ recipe: recipe(), concurrency: 3, warm: 2 })
  const running = [1, 2].map(() => pool.run('/probe', ['orphan', '60', ',', 'sleep', '60']))
  const child = await pool.spawn('/probe', ['sleep', '60'])
  await sleep(50)
  const waiting = [1, 2, 3].map(() => codeOf(pool.run('/true')))
  await Promise.all([pool.close(), pool.close()])
  for (const job of running) assert.is((await job).outcome, 'aborted')
  assert.is((await child.wait()).outcome, 'aborted')
  assert.equal(await Promise.all(waiting), Array(3).fill('ERR_SANDBOX_ENDED'))
  assert.is(await codeOf(pool.run('/true')), 'ERR_SANDBOX_ENDED')
  assert.is(await codeOf(pool.spawn('/true')), 'ERR_SANDBOX_ENDED')
  assert.equal([pool.size, pool.pending, pool.ready], [0, 0, 0])
  await pool.close()
})

test('a pool that is closed at once, paused, or in the middle of its boots leaves nothing', async () => {
  for (const delayMs of [0, 1, 3, 10]) {
    const pool = new SandboxPool({ recipe: recipe(), concurrency: 2, warm: 4 })
    const jobs = [1, 2, 3, 4].map(() => codeOf(pool.run('/true')))
    if (delayMs % 2) pool.pause()
    if (delayMs > 0) await sleep(delayMs)
    await pool.close()
    for (const code of await Promise.all(jobs)) assert.match(code, /^(none|ERR_SANDBOX_ENDED)$/)
  }
})

test('a pool closes with its scope', async () => {
  let kept: SandboxPool
  {
    await using pool = new SandboxPool({ recipe: recipe() })
    kept = pool
    assert.ok((await pool.run('/true')).ok)
  }
  assert.is(await codeOf(kept.run('/true')), 'ERR_SANDBOX_ENDED')
})

test('a recipe that cannot boot rejects each job with its error, and nothing spins', async (t) => {
  let opened = 0
  const broken: Sandbox = recipe().bind('/none/such/directory')
  const pool = poolOf(t, { recipe: broken, concurrency: 4, warm: 4 })
  const errors = await Promise.all(Array.from({ length: 12 }, () => pool.run('/true').catch((error: unknown) => error)))
  for (const error of errors) {
    assert.instance(error, SandboxSetupError)
    assert.equal([(error as SandboxSetupError).step, (error as SandboxSetupError).code], ['bind-source', 'ENOENT'])
    opened++
  }
  assert.is(opened, 12)
  const before = process.cpuUsage()
  await sleep(300)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 150_000, `${(user + system) / 1000} ms of CPU time while nothing was to be done`)
  assert.is(pool.ready, 0)
})

test('a program that fails or is not there costs no more than its own job', async (t) => {
  const pool = poolOf(t)
  const error = await pool.run('/none').catch((thrown: unknown) => thrown)
  assert.instance(error, SandboxSetupError)
  assert.is((error as SandboxSetupError).step, 'exec')
  assert.is((await pool.run('/probe', ['exit', '3'])).exitCode, 3)
  assert.ok((await pool.run('/true')).ok)
})

const REFUSED: [options: unknown, says: RegExp][] = [
  [undefined, /SandboxPool options/],
  [{}, /SandboxPool recipe/],
  [{ recipe: {} }, /SandboxPool recipe.*sandbox\(\)/],
  [{ recipe: sandbox(), concurrency: 0 }, /integer from 1 to 10000 for SandboxPool concurrency but received 0/],
  [{ recipe: sandbox(), concurrency: 1.5 }, /concurrency/],
  [{ recipe: sandbox(), concurrency: '2' }, /concurrency/],
  [{ recipe: sandbox(), warm: -1 }, /warm but received -1/],
  [{ recipe: sandbox(), warm: 10 ** 9 }, /warm.*More boxes cannot wait on this host/],
  [{ recipe: sandbox(), warm: Number.NaN }, /warm/],
  [{ recipe: sandbox(), queueLimit: -1 }, /queueLimit/],
  [{ recipe: sandbox(), queueLimit: Number.POSITIVE_INFINITY }, /queueLimit/],
  [{ recipe: sandbox(), reuse: 'yes' }, /a boolean for SandboxPool reuse/],
  [{ recipe: sandbox(), concurency: 2 }, /Did you mean 'concurrency'/],
]

test('bad options are refused by name', () => {
  for (const [options, says] of REFUSED) {
    assert.throws(
      () => new SandboxPool(options as never),
      (error: Error & { code: string }) => error.code === 'ERR_SANDBOX_INVALID_OPTION' && says.test(error.message),
      String(says),
    )
  }
})

test('bad options of a job are refused by name, before it waits', async (t) => {
  const pool = poolOf(t)
  pool.pause()
  for (const options of [
    { priority: 'high' },
    { priority: Number.NaN },
    { timeout: 0 },
    { timeout: 'soon' },
    { inptu: '' },
    7,
  ]) {
    assert.is(await codeOf(pool.run('/true', [], options as never)), 'ERR_SANDBOX_INVALID_OPTION', String(options))
    assert.is(await codeOf(pool.spawn('/true', [], options as never)), 'ERR_SANDBOX_INVALID_OPTION', String(options))
  }
  assert.is(await codeOf(pool.run('')), 'ERR_SANDBOX_INVALID_OPTION')
  assert.is(pool.size, 0)
})

test('more warm boxes than there are descriptors for are refused, with what is in the way', async () => {
  const source = `
    import { SandboxPool } from 'cofferdam'
    let said
    try { new SandboxPool({ recipe: box, concurrency: 2, warm: 200 }) } catch (error) { said = [error.code, error.message] }
    const pool = new SandboxPool({ recipe: box, concurrency: 2, warm: 20 })
    const results = await Promise.all(Array.from({ length: 20 }, () => pool.run('/true')))
    await pool.close()
    console.log(JSON.stringify({ said, good: results.filter(({ ok }) => ok).length }))`
  const { code, stdout, stderr } = await ended(startVictim(source, { before: 'ulimit -n 256' }))
  assert.is(code, 0, stderr)
  const { said, good } = JSON.parse(stdout)
  assert.is(said[0], 'ERR_SANDBOX_INVALID_OPTION')
  assert.match(said[1], '256 open descriptors (ulimit -n)')
  assert.is(good, 20)
})

test('an idle pool does not keep Node alive, and its jobs do', async () => {
  const source = (then: string) => `
    import { SandboxPool } from 'cofferdam'
    const pool = new SandboxPool({ recipe: box, concurrency: 2, warm: 2 })
    ${then}`
  const idle = await ended(startVictim(source("await pool.run('/true'); console.log('done')")))
  assert.equal([idle.code, idle.stdout], [0, 'done\n'])
  const busy = await ended(
    startVictim(
      source("for (const i of [1, 2, 3, 4]) pool.run('/probe', ['sleep', '0.1']).then(() => console.log(i))"),
    ),
  )
  assert.equal([busy.code, busy.stdout.split('\n').sort().join('')], [0, '1234'])
})

test.run()
