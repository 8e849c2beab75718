// worker_threads: each has sandboxes of its own, and takes them along when it ends, in whatever way.
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'
import { offspring, survivors } from '../support/victims.js'

const test = suite('workers', { warmUp: true })

const PREAMBLE = `
  import { parentPort, workerData } from 'node:worker_threads'
  import { sandbox } from '${import.meta.resolve('cofferdam')}'
  const box = sandbox().rootfs(workerData)
`

function startWorker(t: TestContext, source: string): Worker {
  const module = new URL(`data:text/javascript,${encodeURIComponent(PREAMBLE + source)}`)
  const worker = new Worker(module, { workerData: probeRootfs, execArgv: [] })
  t.cleanUp(() => worker.terminate())
  return worker
}

function message<T>(worker: Worker): Promise<T> {
  return new Promise((done, fail) => {
    worker.once('message', done)
    worker.once('error', fail)
    worker.once('exit', (code) => fail(new Error(`The worker ended with ${code}`)))
  })
}

test('several workers run sandboxes at once, beside the main thread', async (t) => {
  const workers = Array.from({ length: 4 }, (_, i) =>
    startWorker(
      t,
      `const runs = Array.from({ length: 5 }, (_, j) => box.run('/probe', ['say', ${i} + '.' + j]))
       parentPort.postMessage((await Promise.all(runs)).map(({ stdout }) => stdout.trim()))`,
    ),
  )
  const codes = Promise.all(workers.map((worker) => new Promise((done) => worker.once('exit', done))))
  const own = Promise.all(Array.from({ length: 5 }, (_, j) => box().run('/probe', ['say', `main.${j}`])))
  const answers = await Promise.all(workers.map((worker) => message<string[]>(worker)))
  for (const [i, answer] of answers.entries())
    assert.equal(
      answer,
      [0, 1, 2, 3, 4].map((j) => `${i}.${j}`),
    )
  assert.equal(
    (await own).map(({ stdout }) => stdout.trim()),
    [0, 1, 2, 3, 4].map((j) => `main.${j}`),
  )
  // A worker whose sandboxes are over ends by itself.
  assert.equal(await codes, [0, 0, 0, 0])
})

test(
  "terminating a worker ends its running sandboxes, and no one else's",
  async (t) => {
    const mine = await box().spawn('/probe', ['sleep', '60'])
    t.cleanUp(() => mine[Symbol.asyncDispose]())
    const worker = startWorker(
      t,
      `const children = await Promise.all([
       box.spawn('/probe', ['orphan', '60', ',', 'sleep', '60']),
       box.limits({ memory: '32MiB', output: 1000 }).spawn('/probe', ['orphan', '60', ',', 'sleep', '60']),
     ])
     parentPort.postMessage(children.map(({ pid, cgroup }) => ({ pid, paths: cgroup.paths })))`,
    )
    const children = await message<{ pid: number; paths: string[] }[]>(worker)
    const all = offspring(process.pid).filter(({ name, pid }) => name === 'probe' && pid !== mine.pid)
    assert.ok(all.length >= 2)
    await worker.terminate()
    assert.equal(await survivors(all), [])
    assert.equal(
      children.flatMap(({ paths }) => paths).filter((path) => existsSync(path)),
      [],
    )
    assert.ok(mine.kill(0), 'the one of the main thread lives')
    assert.ok((await box().run('/true')).ok)
  },
  { needs: controller('memory') },
)

test(
  'terminating workers in the middle of their spawns leaves nothing and breaks nobody',
  async (t) => {
    const storm = `
      parentPort.postMessage('ready')
      const one = async (recipe) => { for (;;) await recipe.run('/true').catch(() => {}) }
      for (let i = 0; i < 3; i++) one(box)
      one(box.limits({ memory: '32MiB', pids: 10 }))`
    for (let round = 0; round < 8; round++) {
      const workers = [startWorker(t, storm), startWorker(t, storm)]
      await Promise.all(workers.map((worker) => message(worker)))
      await sleep(Math.random() * 60)
      const own = box().run('/probe', ['say', 'unharmed'])
      await Promise.all(workers.map((worker) => worker.terminate()))
      assert.is((await own).stdout, 'unharmed\n')
    }
    const left = offspring(process.pid).filter(({ name }) => ['probe', 'true'].includes(name))
    assert.equal(await survivors(left), [])
  },
  { timeoutMs: 40_000 },
)

test('a worker that throws or exits takes its sandboxes along', async (t) => {
  for (const [end, code] of [
    ["setTimeout(() => { throw new Error('oops') })", 1],
    ['process.exit(3)', 3],
  ] as const) {
    const worker = startWorker(
      t,
      `await box.spawn('/probe', ['sleep', '60'])
       parentPort.postMessage('ready')
       parentPort.once('message', () => { ${end} })`,
    )
    worker.on('error', () => {})
    await message(worker)
    const all = offspring(process.pid).filter(({ name }) => name === 'probe')
    assert.is(all.length, 1)
    const ended = new Promise((done) => worker.once('exit', done))
    worker.postMessage('end')
    assert.is(await ended, code)
    assert.equal(await survivors(all), [])
  }
})

test('limits hold in a worker whose thread is blocked', async (t) => {
  const worker = startWorker(
    t,
    `const child = await box.limits({ wallTime: 200 }).spawn('/probe', ['sleep', '60'])
     const end = performance.now() + 1000
     while (performance.now() < end) continue
     const { outcome, usage } = await child.wait()
     parentPort.postMessage({ outcome, wallTimeMs: usage.wallTimeMs })`,
  )
  const { outcome, wallTimeMs } = await message<{ outcome: string; wallTimeMs: number }>(worker)
  assert.is(outcome, 'wall-time-limit')
  assert.ok(wallTimeMs < atMost(600), `${wallTimeMs} ms`)
})

test.run()
