// The ends that a box does not choose: of the process, of the worker, of its descriptors; and what keeps Node alive.
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { ended } from '../support/command.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'
import { endOf, groupsLeft, offspring, startVictim, stop, survivors } from '../support/victims.js'

const test = suite('the end of a box', { warmUp: true })

const BUSY = `
  const open = await Promise.all([box.open(), box.limits({ pids: 20, output: 1000 }).open(), box.open()])
  const children = await Promise.all(open.slice(0, 2).flatMap((one) =>
    [1, 2, 3].map(() => one.spawn('/probe', ['orphan', '60', ',', 'sleep', '60']))))
  await Promise.all(children.map((child) => new Promise((done) => child.stdout.once('data', done))))
`

test('when Node is killed with open boxes, idle and busy ones, nothing of them is left', async (t) => {
  const victim = startVictim(`${BUSY} console.log('ready'); await new Promise((done) => setTimeout(done, 60_000))`)
  await new Promise((done) => victim.stdout?.once('data', done))
  t.cleanUp(() => victim.kill('SIGKILL'))
  await stop(victim)
  const all = offspring(victim.pid ?? 0)
  assert.ok(all.filter(({ name }) => name === 'probe').length >= 12)
  victim.kill('SIGKILL')
  await endOf(victim)
  assert.equal(await survivors(all), [])
  assert.equal(await groupsLeft(victim.pid), [])
})

for (const [name, end, code] of [
  ['process.exit', 'process.exit(3)', 3],
  ['an error that nobody catches', "setTimeout(() => { throw new Error('oops') })", 1],
] as const) {
  test(`${name} takes open boxes along`, async () => {
    const victim = startVictim(
      `${BUSY} console.log('ready'); process.stdin.on('data', () => {}); setTimeout(() => { ${end} }, 300)`,
    )
    await new Promise((done) => victim.stdout?.once('data', done))
    const all = offspring(victim.pid ?? 0)
    assert.is((await ended(victim)).code, code)
    assert.equal(await survivors(all), [])
    assert.equal(await groupsLeft(victim.pid), [])
  })
}

/** Runs a program and tells how long it lived after it had said that it was done; after so much time it is killed. */
async function lifeAfter(
  source: string,
  patienceMs = atMost(10_000),
): Promise<{ code: number | null; lingeredMs: number | undefined }> {
  const victim = startVictim(source)
  let doneMs: number | undefined
  let late: NodeJS.Timeout | undefined
  victim.stdout?.on('data', () => {
    doneMs ??= performance.now()
    late ??= setTimeout(() => victim.kill('SIGKILL'), patienceMs)
  })
  const { code } = await endOf(victim)
  clearTimeout(late)
  return { code, lingeredMs: doneMs === undefined ? undefined : performance.now() - doneMs }
}

test('an open box keeps Node alive, one that is unreferenced does not, and a command in it does', async () => {
  assert.is((await lifeAfter("await box.open(); console.log('done')", 2500)).code, null, 'it had to be killed')
  const unref = await lifeAfter(";(await box.open()).unref(); console.log('done')")
  assert.is(unref.code, 0)
  assert.ok((unref.lingeredMs ?? Number.POSITIVE_INFINITY) < atMost(2500))
  assert.is((await lifeAfter(";(await box.open()).unref().ref(); console.log('done')", 2500)).code, null)
  const busy = await lifeAfter(
    "const open = (await box.open()).unref(); await open.spawn('/probe', ['sleep', '1']); console.log('done')",
  )
  assert.is(busy.code, 0)
  assert.ok((busy.lingeredMs ?? 0) > 500, `${busy.lingeredMs} ms`)
  for (const ref of ['', '.unref()']) {
    const closed = await lifeAfter(`const open = (await box.open())${ref}; await open.close(); console.log('done')`)
    assert.is(closed.code, 0, `closing waits for the end (${ref})`)
  }
})

test('a worker has boxes of its own, and takes them along', async (t) => {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { sandbox } from '${import.meta.resolve('cofferdam')}'
    const open = await sandbox().rootfs(workerData).open()
    const { stdout } = await open.run('/probe', ['say', 'in a worker'])
    const idle = await sandbox().rootfs(workerData).open()
    const child = await open.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'])
    await new Promise((done) => child.stdout.once('data', done))
    parentPort.postMessage(stdout)`
  const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const worker = new Worker(module, { workerData: probeRootfs, execArgv: [] })
  t.cleanUp(() => worker.terminate())
  const told = await new Promise((done, fail) => worker.once('message', done).once('error', fail))
  assert.is(told, 'in a worker\n')
  const all = offspring(process.pid).filter(({ name }) => ['probe', 'cofferdam-init'].includes(name))
  assert.ok(all.length >= 4)
  await worker.terminate()
  assert.equal(await survivors(all), [])
})

test(
  'terminating a worker in the middle of its runs leaves nothing',
  async (t) => {
    const source = `
      import { parentPort, workerData } from 'node:worker_threads'
      import { sandbox } from '${import.meta.resolve('cofferdam')}'
      const recipe = sandbox().rootfs(workerData)
      parentPort.postMessage('ready')
      const storm = async () => {
        for (;;) {
          const open = await recipe.open()
          await Promise.all([1, 2, 3].map(() => open.run('/true')))
          open.close()
        }
      }
      storm(); storm()`
    const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    for (let round = 0; round < 6; round++) {
      const worker = new Worker(module, { workerData: probeRootfs, execArgv: [] })
      t.cleanUp(() => worker.terminate())
      await new Promise((done) => worker.once('message', done))
      await sleep(Math.random() * 80)
      await worker.terminate()
    }
    const left = offspring(process.pid).filter(({ name }) => ['probe', 'true'].includes(name))
    assert.equal(await survivors(left), [])
  },
  { timeoutMs: 40_000 },
)

test(
  'with few descriptors some commands fail typed, none hangs, and the box serves on',
  async () => {
    const victim = startVictim(
      `import { SandboxSetupError } from 'cofferdam'
       const open = await box.open()
       const settled = await Promise.allSettled(Array.from({ length: 60 }, () => open.spawn('/probe', ['cat'])))
       const failures = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason)
       const children = settled.flatMap(({ value }) => value ? [value] : [])
       await Promise.all(children.map((child) => child[Symbol.asyncDispose]()))
       const { stdout } = await open.run('/probe', ['say', 'again'])
       await open.close()
       console.log(JSON.stringify({
         good: children.length, failed: failures.length, stdout,
         untyped: failures.filter((error) => !(error instanceof SandboxSetupError && error.code === 'EMFILE')).map(String),
       }))`,
      { before: 'ulimit -n 128' },
    )
    const { code, stdout, stderr } = await ended(victim)
    assert.is(code, 0, stderr)
    const report = JSON.parse(stdout)
    assert.ok(report.good > 0 && report.failed > 0, stdout)
    assert.equal(report.untyped, [])
    assert.is(report.stdout, 'again\n')
    assert.equal(await groupsLeft(victim.pid), [])
  },
  { timeoutMs: 40_000 },
)

test(
  'boxes opened and closed one after another use up no descriptors',
  async () => {
    const victim = startVictim(
      `import { readdirSync } from 'node:fs'
     const count = () => readdirSync('/proc/self/fd').length
     const pause = (ms) => new Promise((done) => setTimeout(done, ms))
     for (let i = 0; i < 5; i++) await (await box.open()).close()
     await pause(2000) // Inits made ahead, and what they hold open, go a second after the last use.
     const before = count()
     for (let i = 0; i < 100; i++) {
       const open = await box.open()
       if (i % 2) await open.run('/true')
       await open.close()
     }
     for (let round = 0; round < 100 && count() > before; round++) await pause(100)
     console.log(count() - before)`,
    )
    const { code, stdout, stderr } = await ended(victim)
    assert.is(code, 0, stderr)
    assert.ok(Number(stdout) <= 0, `${stdout} more`)
  },
  { timeoutMs: 40_000 },
)

test.run()
