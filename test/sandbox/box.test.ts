// open(): a box from its boot to its end, and what each operation does in each of its states.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Box, type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { firstText, probeRootfs, box as recipe } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { setupFailure } from '../support/inside.js'
import { type Kind, kernelFrom } from '../support/kinds.js'
import { codeOf, opened, tell } from '../support/open-boxes.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('box', { warmUp: true })

test('commands run in one box, one after another, and see what the others have left', async (t) => {
  const box = await opened(t, recipe())
  assert.ok(box.live)
  assert.ok(existsSync(`/proc/${box.pid}`))
  const first = await tell(box, 'ns')
  await tell(box, 'write /tmp/note hello')
  assert.is(await tell(box, 'read /tmp/note'), 'hello')
  const second = await tell(box, 'ns')
  for (const name of ['user', 'mnt', 'net', 'ipc', 'uts', 'pid'])
    assert.equal(JSON.parse(second)[name] ?? 'none', JSON.parse(first)[name], name)
})

test('spawn and run take the same options and give the same results as those of a recipe', async (t) => {
  const box = await opened(t, recipe())
  const bytes = await box.run('/probe', ['cat'], { input: 'as bytes', encoding: 'buffer' })
  assert.equal(bytes.stdout, Buffer.from('as bytes'))
  const child = await box.spawn('/probe', ['cat'], { stderr: 'ignore' })
  assert.is(child.stderr, null)
  child.stdin?.end('through a pipe')
  let text = ''
  for await (const chunk of child.stdout ?? []) text += chunk
  assert.is(text, 'through a pipe')
  const result = await child.wait()
  assert.ok(result.ok)
  assert.ok(result.usage.wallTimeMs > 0)
  assert.is(await codeOf(box.run('')), 'ERR_SANDBOX_INVALID_OPTION')
  assert.is(await codeOf(box.spawn('/probe', [], { stdin: 'nothing' })), 'ERR_SANDBOX_INVALID_OPTION')
  const failed = await box.run('/probe', ['exit', '3'])
  assert.is(failed.exitCode, 3)
})

test('a program that is not there is a setup error, and the box goes on', async (t) => {
  const box = await opened(t, recipe())
  const error = await setupFailure(box.run('/none'))
  assert.equal([error.step, error.code, error.path], ['exec', 'ENOENT', '/none'])
  assert.match(error.stack ?? '', 'box.test')
  assert.is(await tell(box, 'say on'), 'on\n')
})

test('what the host section names can fail for one command alone', async (t) => {
  const box = await opened(t, recipe())
  const error = await setupFailure(box.spawn('/true', [], { stdout: '/none/such/file' }))
  assert.equal([error.step, error.path], ['stdio', '/none/such/file'])
  assert.ok((await box.run('/true')).ok)
})

test('a recipe that cannot boot rejects open() with the step', async () => {
  const error = await setupFailure(recipe().bind('/none/such/directory').open())
  assert.equal([error.step, error.code], ['bind-source', 'ENOENT'])
  assert.match(error.stack ?? '', 'box.test')
})

test('a bad option, and a signal that has fired, are refused at once', async () => {
  assert.is(await codeOf(recipe().open({ signals: 1 } as object)), 'ERR_SANDBOX_INVALID_OPTION')
  assert.is(await codeOf(recipe().open({ signal: 1 } as object)), 'ERR_SANDBOX_INVALID_OPTION')
  assert.is(await codeOf(recipe().open({ signal: AbortSignal.abort() })), 'ERR_SANDBOX_ABORTED')
})

test('a signal that fires while the box boots gives the opening up, and later does nothing', async (t) => {
  for (const delayMs of [0, 0, 1, 2]) {
    const abort = new AbortController()
    const opening = codeOf(
      recipe()
        .open({ signal: abort.signal })
        .then((box) => t.cleanUp(() => box.close())),
    )
    if (delayMs > 0) await sleep(delayMs)
    abort.abort()
    assert.match(await opening, /^(ERR_SANDBOX_ABORTED|none)$/)
  }
  const abort = new AbortController()
  const box = await recipe().open({ signal: abort.signal })
  t.cleanUp(() => box.close())
  abort.abort()
  assert.ok((await box.run('/true')).ok)
})

test('close() ends the commands as aborted, waits until nothing is left, and can be called again', async () => {
  const box = await recipe().open()
  const children = await Promise.all([1, 2, 3].map(() => box.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'])))
  const paths = children.flatMap(({ cgroup }) => cgroup.paths)
  const pending = box.run('/probe', ['sleep', '60'])
  await tell(box, 'say after') // the run above is in the box by now
  await Promise.all([box.close(), box.close()])
  assert.not(box.live)
  await box.closed
  for (const child of children) assert.is((await child.wait()).outcome, 'aborted')
  assert.is((await pending).outcome, 'aborted')
  assert.equal(
    paths.filter((path) => existsSync(path)),
    [],
  )
  assert.not(existsSync(`/proc/${box.pid}`))
  await box.close()
})

test('a box closes with its scope', async () => {
  let kept: Box
  {
    await using box = await recipe().open()
    kept = box
    assert.ok((await box.run('/true')).ok)
  }
  assert.not(kept.live)
  assert.not(existsSync(`/proc/${kept.pid}`))
})

test('commands that are starting when the box closes end one way or the other, and none hangs', async () => {
  for (let round = 0; round < 10; round++) {
    const box = await recipe().open()
    const runs = Array.from({ length: 8 }, () =>
      box.run('/probe', ['sleep', '60']).then(
        ({ outcome }) => outcome,
        ({ code }) => code as string,
      ),
    )
    const spawns = Array.from({ length: 8 }, () => codeOf(box.spawn('/probe', ['sleep', '60'])))
    if (round % 2) await sleep(round / 2)
    await box.close()
    for (const outcome of await Promise.all(runs)) assert.match(outcome, /^(aborted|ERR_SANDBOX_ENDED)$/, outcome)
    for (const code of await Promise.all(spawns)) assert.match(code, /^(none|ERR_SANDBOX_ENDED)$/, code)
  }
})

test('a box whose init is killed from outside is lost: so are its commands, and what comes later is refused', async () => {
  const box = await recipe().open()
  const child = await box.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'])
  const pending = codeOf(box.run('/probe', ['sleep', '60']))
  await tell(box, 'say after')
  process.kill(box.pid, 'SIGKILL')
  assert.is(await codeOf(child.wait()), 'ERR_SANDBOX_LOST')
  assert.is(await pending, 'ERR_SANDBOX_LOST')
  await box.closed
  assert.not(box.live)
  assert.is(await codeOf(box.run('/true')), 'ERR_SANDBOX_ENDED')
  assert.not(existsSync(`/proc/${child.pid}`))
})

test('a box whose init is stopped from outside can be closed all the same', async () => {
  const box = await recipe().open()
  const child = await box.spawn('/probe', ['sleep', '60'])
  process.kill(box.pid, 'SIGSTOP')
  const startMs = performance.now()
  await box.close()
  assert.ok(performance.now() - startMs < 5000)
  assert.not(existsSync(`/proc/${child.pid}`))
  assert.match(
    await child.wait().then(
      ({ outcome }) => outcome,
      ({ code }) => code,
    ),
    /^(aborted|ERR_SANDBOX_LOST)$/,
  )
})

test(
  'a box whose init is stopped holds up no other sandbox, however much is asked of it',
  async (t) => {
    const box = await opened(t, recipe())
    process.kill(box.pid, 'SIGSTOP')
    const large = 'x'.repeat(80_000)
    const asked = Array.from({ length: 40 }, () => codeOf(box.run('/probe', ['say', large])))
    const startMs = performance.now()
    assert.ok((await recipe().run('/true')).ok)
    assert.ok(performance.now() - startMs < 10_000)
    await box.close()
    for (const code of await Promise.all(asked)) assert.match(code, /^(EAGAIN|EPIPE|ERR_SANDBOX_(ENDED|LOST))$/)
  },
  { timeoutMs: 60_000 },
)

/** A box in each of its states. */
const STATES: Record<string, (t: TestContext) => Promise<Box>> = {
  idle: (t) => opened(t, recipe()),
  'busy with a command': async (t) => {
    const box = await opened(t, recipe())
    await box.spawn('/probe', ['sleep', '60'])
    return box
  },
  closing: async () => {
    const box = await recipe().open()
    await box.spawn('/probe', ['sleep', '60'])
    box.close()
    return box
  },
  closed: async () => {
    const box = await recipe().open()
    await box.close()
    return box
  },
  lost: async () => {
    const box = await recipe().open()
    process.kill(box.pid, 'SIGKILL')
    await box.closed
    return box
  },
}

/** What each operation says when the box takes commands, and when it does not. */
const OPERATIONS: [name: string, operation: (box: Box) => unknown, live: string, over: string][] = [
  ['run', (box) => box.run('/true').then(({ outcome }) => outcome), 'exited', 'ERR_SANDBOX_ENDED'],
  [
    'spawn',
    (box) => box.spawn('/true').then((child) => child.wait().then(({ outcome }) => outcome)),
    'exited',
    'ERR_SANDBOX_ENDED',
  ],
  ['live', (box) => String(box.live), 'true', 'false'],
  ['ref and unref', (box) => (box.unref().ref().unref() === box ? 'itself' : 'another'), 'itself', 'itself'],
  ['close', (box) => box.close().then(() => 'closed'), 'closed', 'closed'],
  ['dispose', (box) => box[Symbol.asyncDispose]().then(() => 'closed'), 'closed', 'closed'],
]

for (const [state, make] of Object.entries(STATES)) {
  test(`each operation on a box that is ${state} does what it should`, async (t) => {
    const over = ['closing', 'closed', 'lost'].includes(state)
    for (const [name, operation, whenLive, whenOver] of OPERATIONS) {
      const box = await make(t)
      const told = await Promise.resolve(operation(box)).catch((error: { code: string }) => error.code)
      assert.is(told, over ? whenOver : whenLive, name)
      await box.close()
    }
  })
}

test('65 commands at once are one too many, and the box serves on', async (t) => {
  const box = await opened(t, recipe())
  const children = await Promise.all(Array.from({ length: 64 }, () => box.spawn('/probe', ['cat'])))
  assert.is(await codeOf(box.run('/true')), 'ERR_SANDBOX_BOX_FULL')
  assert.is(await codeOf(box.spawn('/true')), 'ERR_SANDBOX_BOX_FULL')
  for (const child of children) child.stdin?.end()
  await Promise.all(children.map((child) => child.wait()))
  assert.ok((await box.run('/true')).ok)
})

test('onIdle() resolves when nothing of the commands is left', async (t) => {
  const box = await opened(t, recipe())
  await box.onIdle()
  const child = await box.spawn('/probe', ['orphan', '60', ',', 'sleep', '0.1'])
  await box.onIdle()
  assert.is((await child.wait()).outcome, 'exited')
  assert.equal(
    child.cgroup.paths.filter((path) => existsSync(path)),
    [],
  )
})

test(
  'boxes come of inits that were made ahead, as sandboxes do',
  async (t) => {
    const bound = recipe()
    const blanks: number[] = []
    for (let i = 0; i < 5; i++) {
      const box = await opened(t, bound)
      await sleep(50)
      blanks.push(box.pid)
    }
    assert.is(new Set(blanks).size, 5, 'each has an init of its own')
  },
  { needs: root },
)

/** What boxes are for recipes of every kind. */
const KINDS: [name: string, recipe: () => Sandbox, needs: (typeof root)[], only?: Kind][] = [
  ['the default root', () => recipe(), []],
  ['a read-only root', () => sandbox().rootfs(probeRootfs, { mode: 'readonly' }), []],
  ['root inside', () => recipe().user(0), [root]],
  ["the host's users", () => recipe().share('user'), [root]],
  ["the host's processes", () => recipe().share('pid'), [root, cgroup2]],
  ["the host's network", () => recipe().share('net'), []],
  ['kept capabilities', () => recipe().capabilities('net_bind_service'), [root]],
  ['clock offsets', () => recipe().clockOffset({ boottime: '1d' }), [], kernelFrom(6, 2)],
]

const isThere = (pid: string) => existsSync(`/proc/${pid}`)

for (const [name, kind, needs, only] of KINDS) {
  test(
    `a box with ${name} runs commands, and ends each with all that it has started`,
    async (t) => {
      const box = await opened(t, kind())
      for (let i = 0; i < 3; i++) {
        const child = await box.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'])
        await firstText(child.stdout, '\n') // it has forked
        const [leaf = ''] = child.cgroup.paths
        const members = leaf ? readFileSync(`${leaf}/cgroup.procs`, 'utf8').trim().split('\n') : []
        if (leaf) assert.ok(members.length >= 2, members.join())
        child.kill('SIGKILL')
        assert.is((await child.wait()).outcome, 'signaled')
        await child.closed
        // What has died is reaped by the box's init, which lives on.
        for (const deadlineMs = performance.now() + atMost(1000); members.some(isThere); await sleep(1))
          assert.ok(performance.now() < deadlineMs, `${members.filter(isThere)} are left`)
      }
    },
    { needs, ...(only && { only }) },
  )
}

test.run()
