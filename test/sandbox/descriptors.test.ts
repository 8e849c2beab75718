// Node with few descriptors: some spawns fail, typed; none hangs, none leaks, and afterwards everything works.
import * as assert from 'uvu/assert'
import { ended } from '../support/command.js'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'
import { groupsLeft, startVictim } from '../support/victims.js'

const test = suite('descriptors', { warmUp: true })

/** Counts how many of 200 settle in which way, and which descriptors are open before and after. */
const REPORT = (start: string) => `
  import { readdirSync, readlinkSync } from 'node:fs'
  import { SandboxSetupError } from 'cofferdam'
  const open = () => readdirSync('/proc/self/fd').flatMap((fd) => {
    try { return [readlinkSync('/proc/self/fd/' + fd).replace(/:.*/, '')] } catch { return [] }
  }).filter((name) => !name.startsWith('/proc/')).sort()
  await box.run('/true')
  await new Promise((done) => setTimeout(done, 100))
  const before = open()
  const start = ${start}
  const settled = await Promise.allSettled(Array.from({ length: 200 }, start))
  const failures = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason)
  const children = settled.flatMap(({ value }) => value?.closed ? [value] : [])
  await Promise.all(children.map((child) => child[Symbol.asyncDispose]()))
  let after
  for (let round = 0; round < 40; round++) {
    await new Promise((done) => setTimeout(done, 50))
    after = open()
    if (after.length <= before.length) break
  }
  const again = await box.run('/probe', ['say', 'again'])
  console.log(JSON.stringify({
    good: settled.length - failures.length,
    failed: failures.length,
    untyped: failures.filter((error) => !(error instanceof SandboxSetupError && error.code === 'EMFILE')).map(String),
    hint: failures[0]?.hint,
    steps: [...new Set(failures.map(({ step }) => step))],
    more: after.length - before.length,
    before, after,
    again: again.stdout,
  }))
`

const STARTS = {
  run: "() => box.run('/true')",
  'spawn, with all streams, alive at the same time': "() => box.spawn('/probe', ['cat'])",
  'spawn with limits of v1 controllers':
    "() => box.limits({ memory: '32MiB', pids: 10, output: 1000 }).spawn('/probe', ['cat'])",
}

for (const [name, start] of Object.entries(STARTS)) {
  test(
    `200 at once with 256 descriptors allowed: ${name}`,
    async () => {
      const victim = startVictim(REPORT(start), { before: 'ulimit -n 256' })
      const { code, stdout, stderr } = await ended(victim)
      assert.is(code, 0, stderr)
      const report = JSON.parse(stdout)
      assert.is(report.good + report.failed, 200)
      assert.ok(report.good > 0, 'some are served')
      assert.equal(report.untyped, [])
      if (report.failed > 0) assert.match(report.hint, 'no descriptors left')
      if (name !== 'run') assert.ok(report.failed > 0, 'there cannot be enough for all')
      assert.ok(report.more <= 0, `descriptors: ${report.before}\n and then ${report.after}`)
      assert.is(report.again, 'again\n')
      assert.equal(await groupsLeft(victim.pid), [])
    },
    { needs: start.includes('memory') ? [controller('memory'), controller('pids')] : [], timeoutMs: 40_000 },
  )
}

test('with hardly any descriptors each spawn fails typed, until there are enough', async () => {
  // All that can be had are taken and then given back one by one.
  const victim = startVictim(
    `import { closeSync, openSync } from 'node:fs'
     const held = []
     try { for (;;) held.push(openSync('/dev/null')) } catch {}
     const errors = []
     for (;;) {
       const outcome = await box.run('/true').catch((error) => error)
       if (!(outcome instanceof Error)) break
       errors.push([outcome.sandboxCode, outcome.code, outcome.hint])
       closeSync(held.pop())
     }
     for (const fd of held) closeSync(fd)
     const { stdout } = await box.run('/probe', ['say', 'works'])
     console.log(JSON.stringify({ errors, stdout }))`,
    { before: 'ulimit -n 128' },
  )
  const { code, stdout, stderr } = await ended(victim)
  assert.is(code, 0, stderr)
  const report = JSON.parse(stdout)
  assert.ok(report.errors.length > 5, JSON.stringify(report.errors))
  for (const [sandboxCode, errno, hint] of report.errors) {
    // The addon itself is opened by the first spawn.
    const expected = sandboxCode === 'ERR_SANDBOX_BINDING' ? sandboxCode : 'ERR_SANDBOX_SETUP'
    assert.is(sandboxCode, expected)
    assert.is(errno, sandboxCode === 'ERR_SANDBOX_BINDING' ? sandboxCode : 'EMFILE')
    assert.match(hint, 'no descriptors left')
  }
  assert.is(report.stdout, 'works\n')
})

test.run()
