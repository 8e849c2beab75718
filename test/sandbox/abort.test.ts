// The signal option: before, while and after the program runs, for run() and for spawn().
import { getEventListeners } from 'node:events'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { blockEventLoop, box, firstText } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('abort', { warmUp: true })
const forever = ['orphan', '60', ',', 'sleep', '60']

function assertAborted(error: unknown, reason: unknown): void {
  assert.instance(error, SandboxError)
  assert.is((error as SandboxError).sandboxCode, 'ERR_SANDBOX_ABORTED')
  assert.is((error as SandboxError).cause, reason)
}

for (const method of ['run', 'spawn'] as const) {
  const start = (recipe: Sandbox, signal: AbortSignal): Promise<unknown> =>
    method === 'run' ? recipe.run('/probe', forever, { signal }) : recipe.spawn('/probe', forever, { signal })

  test(`${method} with a signal that has fired already rejects, with the reason as its cause`, async () => {
    const signal = AbortSignal.abort('my reason')
    const error = await start(box(), signal).catch((error: unknown) => error)
    assertAborted(error, 'my reason')
    assert.match((error as Error).stack ?? '', basename(import.meta.url))
  })

  test(
    `${method} that is aborted in the same tick rejects, and nothing is left`,
    async () => {
      for (let round = 0; round < 10; round++) {
        const abort = new AbortController()
        const promise = start(box({ memory: '16MiB' }), abort.signal)
        abort.abort(round)
        const outcome = await Promise.resolve(promise).catch((error: unknown) => error)
        // run() may have been fast enough to start the program.
        if (method === 'run' && !(outcome instanceof Error))
          assert.is((outcome as { outcome: string }).outcome, 'aborted')
        else assertAborted(outcome, round)
      }
    },
    { needs: controller('memory') },
  )
}

test('a start that is aborted at any moment is either an error or an aborted program, and always ends', async () => {
  for (let round = 0; round < 40; round++) {
    const abort = new AbortController()
    const promise = box().run('/probe', forever, { signal: abort.signal })
    setTimeout(() => abort.abort(), Math.floor(round / 4))
    const outcome = await promise.catch((error: unknown) => error)
    if (outcome instanceof Error) assertAborted(outcome, abort.signal.reason)
    else assert.is((outcome as { outcome: string }).outcome, 'aborted')
  }
})

test('spawn that is aborted at any moment rejects or gives a process that ends as aborted', async () => {
  for (let round = 0; round < 40; round++) {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), Math.floor(round / 4))
    const started = await box()
      .spawn('/probe', forever, { signal: abort.signal })
      .catch((error: unknown) => error)
    if (started instanceof Error) {
      assertAborted(started, abort.signal.reason)
    } else {
      const child = started as Awaited<ReturnType<ReturnType<typeof box>['spawn']>>
      assert.is((await child.wait()).outcome, 'aborted')
      await child.closed
    }
  }
})

test('a spawn whose start was reported while the event loop was blocked, and aborted then, rejects and ends', async () => {
  const abort = new AbortController()
  const promise = box().spawn('/probe', forever, { signal: abort.signal })
  blockEventLoop(100)
  abort.abort('late')
  assertAborted(await promise.catch((error: unknown) => error), 'late')
})

test('a running program is ended with all its children', async () => {
  const abort = new AbortController()
  const child = await box({ wallTime: '10s' }).spawn('/probe', forever, { signal: abort.signal })
  await firstText(child.stdout)
  abort.abort()
  const result = await child.wait()
  assert.is(result.outcome, 'aborted', result.explain())
  await child.closed
})

test('a signal that fires after the end changes nothing', async () => {
  const abort = new AbortController()
  const child = await box().spawn('/probe', ['exit', '3'], { signal: abort.signal })
  const result = await child.wait()
  abort.abort()
  await child.closed
  assert.is(await child.wait(), result)
  assert.is(result.outcome, 'exited')
  assert.is(
    (
      await box()
        .run('/true', [], { signal: abort.signal })
        .catch((error) => error)
    ).sandboxCode,
    'ERR_SANDBOX_ABORTED',
  )
})

test('one signal ends any number of sandboxes, and keeps none of their listeners', async () => {
  const abort = new AbortController()
  for (let round = 0; round < 20; round++) await box().run('/true', [], { signal: abort.signal })
  assert.is(getEventListeners(abort.signal, 'abort').length, 0)
  const many = Array.from({ length: 8 }, () => box().run('/probe', forever, { signal: abort.signal }))
  await sleep(200)
  abort.abort()
  for (const { outcome } of await Promise.all(many)) assert.is(outcome, 'aborted')
})

test("AbortSignal.timeout is a limit of the caller's own", async () => {
  const result = await box().run('/probe', forever, { signal: AbortSignal.timeout(200) })
  assert.is(result.outcome, 'aborted')
  assert.ok(result.usage.wallTimeMs < 2000, result.explain())
})

test.run()
