// However Node comes to its end, nothing of its sandboxes outlives it; and it comes to its end when they have.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { firstText } from '../support/boxes.js'
import { ended } from '../support/command.js'
import { controller, cpuClock } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'
import { endOf, groupsLeft, offspring, startVictim, stop, survivors } from '../support/victims.js'

const test = suite('lifecycle', { warmUp: true })

/** Three trees with orphans, one of them with v1 controllers, then READY. */
const THREE = `
  const forever = ['orphan', '60', ',', 'sleep', '60']
  const children = await Promise.all([
    box.spawn('/probe', forever),
    box.limits({ memory: '32MiB', pids: 10, cpuTime: 60000 }).spawn('/probe', forever),
    box.limits({ output: 10000 }).spawn('/probe', forever),
  ])
  await Promise.all(children.map(({ stdout }) => new Promise((done) => stdout.once('data', done))))
  console.log('READY')
`

/** As many starts and ends as the machine can make, in all phases at once. */
const STORM = `
  console.log('READY')
  const one = async (recipe) => {
    for (;;) {
      try {
        const child = await recipe.spawn('/probe', ['orphan', '60', ',', 'sleep', '60'])
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 30)
        await child.closed
      } catch {}
    }
  }
  for (let i = 0; i < 3; i++) one(box)
  for (let i = 0; i < 3; i++) one(box.limits({ memory: '32MiB', pids: 10, cpuTime: 60000 }))
`

/** What they need. */
const LIMITS = [controller('memory'), controller('pids'), cpuClock]

async function assertGone(victim: ChildProcess, expectedGone: ReturnType<typeof offspring>): Promise<void> {
  assert.equal(await survivors(expectedGone), [], 'processes are left')
  assert.equal(await groupsLeft(victim.pid), [], 'cgroups are left')
}

const ENDS: Record<string, { source: string; expected: { code: number | null; signal: string | null } }> = {
  'process.exit': { source: 'process.exit(5)', expected: { code: 5, signal: null } },
  'an uncaught exception': {
    source: "setTimeout(() => { throw new Error('oops') })",
    expected: { code: 1, signal: null },
  },
  'an unhandled rejection': { source: "Promise.reject(new Error('oops'))", expected: { code: 1, signal: null } },
  'process.abort': { source: 'process.abort()', expected: { code: null, signal: 'SIGABRT' } },
  SIGTERM: { source: "process.kill(process.pid, 'SIGTERM')", expected: { code: null, signal: 'SIGTERM' } },
  SIGINT: { source: "process.kill(process.pid, 'SIGINT')", expected: { code: null, signal: 'SIGINT' } },
  SIGKILL: { source: "process.kill(process.pid, 'SIGKILL')", expected: { code: null, signal: 'SIGKILL' } },
}
for (const [name, { source, expected }] of Object.entries(ENDS)) {
  test(
    `nothing outlives ${name} with sandboxes running`,
    async (t) => {
      const victim = startVictim(`process.once('SIGUSR2', () => { ${source} })\n ${THREE}`, { before: 'ulimit -c 0' })
      t.cleanUp(() => victim.kill('SIGKILL'))
      assert.match(await firstText(victim.stdout), 'READY')
      const started = offspring(victim.pid ?? 0)
      assert.ok(started.length >= 9, `three inits, commands and orphans: ${started.length}`)
      victim.stdout?.resume()
      victim.stderr?.resume()
      victim.kill('SIGUSR2')
      assert.equal(await endOf(victim), expected)
      await assertGone(victim, started)
    },
    { needs: LIMITS },
  )
}

test('process.exit right after spawn, before anything has started', async () => {
  for (const delay of [
    'process.exit(4)',
    'setImmediate(() => process.exit(4))',
    'setTimeout(() => process.exit(4), 2)',
  ]) {
    const victim = startVictim(`for (let i = 0; i < 20; i++) box.run('/probe', ['sleep', '60'])\n${delay}`)
    const started = await ended(victim)
    assert.is(started.code, 4, started.stderr)
    assert.equal(await groupsLeft(victim.pid), [])
  }
})

test(
  'SIGKILL in the first milliseconds of the first spawns leaves nobody who holds what Node had open',
  async () => {
    const endOne = async () => {
      const victim = startVictim(`
        for (let i = 0; i < 8; i++) box.run('/probe', ['sleep', '60']).catch(() => {})
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * 10)
      `)
      // stdout and stderr end when the last process that has them is gone.
      const outcome = await Promise.race([ended(victim), sleep(atMost(5000), undefined, { ref: false })])
      assert.is(outcome?.signal, 'SIGKILL', 'its stdout or stderr is still open')
      assert.equal(await groupsLeft(victim.pid), [])
    }
    for (let round = 0; round < 10; round++) await Promise.all([endOne(), endOne(), endOne()])
  },
  { timeoutMs: 60_000 },
)

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(
    `${signal} at random moments of a storm of spawns leaves nothing`,
    async (t) => {
      const endOne = async (withinMs: number) => {
        const victim = startVictim(STORM)
        t.cleanUp(() => victim.kill('SIGKILL'))
        await firstText(victim.stdout)
        victim.stdout?.resume()
        victim.stderr?.resume()
        await sleep(Math.random() * withinMs)
        await stop(victim)
        const started = offspring(victim.pid ?? 0)
        victim.kill(signal)
        if (signal === 'SIGTERM') victim.kill('SIGCONT')
        assert.equal(await endOf(victim), { code: null, signal })
        await assertGone(victim, started)
      }
      for (let round = 0; round < 5; round++) await Promise.all([endOne(20), endOne(50), endOne(200)])
    },
    { timeoutMs: 60_000 },
  )
}

test("an overlay's work directory and a persistent upper layer survive SIGKILL as a clean directory", async (t) => {
  const upper = `${t.tempDir()}/upper`
  mkdirSync(upper)
  const victim = startVictim(
    `const persistent = sandbox().rootfs(process.argv[1], { upper: process.argv[2] }).user(0)
     const child = await persistent.spawn('/probe', ['write', '/kept', 'text', ',', 'sleep', '60'])
     setTimeout(() => console.log('READY'), 200)`,
    { args: [upper] },
  )
  t.cleanUp(() => victim.kill('SIGKILL'))
  assert.match(await firstText(victim.stdout), 'READY')
  const started = offspring(victim.pid ?? 0)
  victim.kill('SIGKILL')
  await endOf(victim)
  await assertGone(victim, started)
  await sleep(100)
  assert.ok(readdirSync(upper).includes('kept'))
  assert.equal(readdirSync(`${upper}/..`), ['upper'], "overlay's work directory is gone")
})

test('Node ends by itself when its last sandbox has, whether or not anybody waited or read', async () => {
  const quiet = await ended(startVictim(`await box.spawn('/probe', ['say', 'unread', ',', 'sleep', '0.3'])`))
  assert.equal([quiet.code, quiet.stderr], [0, ''])
  const waited = await ended(startVictim(`const r = await box.run('/probe', ['say', 'read']); console.log(r.stdout)`))
  assert.equal([waited.code, waited.stdout], [0, 'read\n\n'])
})

test('Node stays while a sandbox lives, even if nothing else keeps it', async () => {
  const startedMs = performance.now()
  const { code, stdout } = await ended(
    startVictim(`const child = await box.spawn('/probe', ['sleep', '1'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
                 child.wait().then((result) => console.log(result.outcome))`),
  )
  assert.equal([code, stdout], [0, 'exited\n'])
  assert.ok(performance.now() - startedMs >= 1000)
})

test('importing the package, and planning, start nothing that keeps Node', async () => {
  const { code, stdout } = await ended(startVictim(`console.log(box.plan().namespaces.length)`))
  assert.equal([code, stdout], [0, '8\n'])
})

test("Node's own children and their exit codes are left alone", async () => {
  const { code, stdout, stderr } = await ended(
    startVictim(`
      import { spawn } from 'node:child_process'
      const sandboxes = Array.from({ length: 10 }, () => box.run('/true'))
      const codes = Array.from({ length: 10 }, (_, i) =>
        new Promise((done) => spawn('sh', ['-c', 'exit ' + i]).once('exit', done)))
      const results = await Promise.all(sandboxes)
      console.log(JSON.stringify([results.every(({ ok }) => ok), await Promise.all(codes)]))
    `),
  )
  assert.equal([code, stderr], [0, ''])
  assert.equal(JSON.parse(stdout), [true, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
})

test.run()
