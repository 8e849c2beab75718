// checkHost(): the truth about this host, and a report from every host, however little it permits.
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { checkHost, type HostReport, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { asCaller, unprivilegedCaller } from '../support/caller.js'
import { runNode, startNode } from '../support/child.js'
import { anyUser, cgroup2, command, controller, type Need, root } from '../support/host.js'
import { ASK, assertSound, named, row } from '../support/report.js'
import { suite } from '../support/suite.js'
import { offspring, survivors } from '../support/victims.js'

const test = suite('checkHost', { warmUp: true })

const SPOILT: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]
/** Called so since Node 23.5. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

test('the verdict is that of a sandbox that is really started', async () => {
  const report = await checkHost()
  assertSound(report)
  const starts = (recipe = sandbox()) =>
    recipe.run('true').then(
      ({ ok }) => ok,
      () => false,
    )
  assert.is(report.defaultSandbox.starts, await starts())
  const limited = sandbox().limits({ memory: '64MiB', pids: 16, cpu: 1, cpuTime: '5s', wallTime: '5s' })
  assert.is(report.limitedSandbox.starts, await starts(limited))
})

test('each limit is what a recipe with it gets', async () => {
  const report = await checkHost()
  for (const [name, recipe] of [
    ['limits.memory', sandbox().limits({ memory: '64MiB' })],
    ['limits.pids', sandbox().limits({ pids: 16 })],
    ['limits.cpu', sandbox().limits({ cpu: 1 })],
    ['limits.cpuTime', sandbox().limits({ cpuTime: '5s' })],
    ['priority.ioWeight', sandbox().priority({ ioWeight: 50 })],
    ['share.pid', sandbox().share('pid')],
  ] as const) {
    const works = await recipe.run('true').then(
      ({ ok }) => ok,
      () => false,
    )
    assert.is(row(report, name).works, works, `${name}: ${row(report, name).detail}`)
    assert.is(row(report, name).remedy === undefined, works, name)
  }
})

test(
  'for root on this host all that a default sandbox needs works',
  async () => {
    const report = await checkHost()
    const missing = report.capabilities.filter(({ required, works }) => required && !works)
    assert.equal(missing, [])
    assert.ok(row(report, 'limits.memory').works)
    assert.ok(row(report, 'freeze').works)
    assert.equal(report.caller, { uid: 0, gid: 0 })
  },
  { needs: [root, cgroup2, controller('memory')] },
)

test('the report is frozen, and the same in JSON but for what is undefined', async () => {
  const report = await checkHost()
  const thaw = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null
      ? [...(Object.isFrozen(value) ? [] : [value]), ...Object.values(value).flatMap(thaw)]
      : []
  assert.equal(thaw(report), [])
  const parsed = JSON.parse(JSON.stringify(report)) as HostReport
  assert.equal(JSON.parse(JSON.stringify(parsed)), parsed)
  assert.equal(named(parsed, true), named(report, true))
})

test(
  'an ordinary user gets a report of what this user can have',
  async () => {
    const report = await asCaller<HostReport>(ASK)
    assertSound(report)
    assert.ok(report.defaultSandbox.starts, report.defaultSandbox.reason)
    assert.is(row(report, 'rootfs.id-mapped').works, false)
    assert.is(row(report, 'namespaces.user').works, true)
    assert.ok(report.caller.uid > 0)
  },
  { needs: unprivilegedCaller },
)

test(
  'without rights over cgroups every limit has its reason and its remedy',
  async () => {
    const report = await asCaller<HostReport>(ASK)
    const { works, detail, remedy, cost } = row(report, 'limits.pids')
    assert.is(works, false)
    assert.match(detail ?? '', /pids cgroup controller/)
    assert.match(cost, /limits\(\{ pids \}\)/)
    assert.ok((remedy ?? '').length > 20)
    assert.not(report.limitedSandbox.starts)
  },
  { needs: [anyUser, controller('pids')] },
)

test('it works in a worker_thread, several times at once', async (t) => {
  const source = `
    import { parentPort } from 'node:worker_threads'
    import { checkHost } from '${import.meta.resolve('cofferdam')}'
    const reports = await Promise.all([checkHost(), checkHost()])
    parentPort.postMessage(reports.map(({ defaultSandbox }) => defaultSandbox.starts))`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { execArgv: [] })
  t.cleanUp(() => worker.terminate())
  const answer = await new Promise((done, fail) => worker.once('message', done).once('error', fail))
  assert.equal(answer, [true, true])
})

test('a worker that is terminated meanwhile leaves no directory, and nothing that runs', async () => {
  // In a process of its own: Node itself keeps the zombie of a terminated worker's child until it ends.
  const { code, stdout, stderr } = await runNode(`
    import { readdirSync, readFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { Worker } from 'node:worker_threads'
    const source = "import { checkHost } from '${import.meta.resolve('cofferdam')}'; checkHost()"
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)), { execArgv: [] })
    const directories = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cofferdam-doctor-'))
    const running = () => readdirSync('/proc').filter((pid) => {
      try {
        const [, state, parent] = readFileSync('/proc/' + pid + '/stat', 'utf8').split(/\\) /s).at(-1).split(/^(\\S) (\\d+)/)
        return state !== 'Z' && Number(parent) === process.pid
      } catch { return false }
    })
    const until = async (what, condition) => {
      for (let i = 0; i < 1000; i++) { if (condition()) return; await sleep(10) }
      console.log('never: ' + what)
    }
    await until('it has begun', () => directories().length > 0 && running().length > 0)
    await worker.terminate()
    await until('the directory is gone', () => directories().length === 0)
    await until('nothing runs', () => running().length === 0)
    console.log('done')`)
  assert.equal([code, stdout, stderr], [0, 'done\n', ''])
})

test('a process that is killed meanwhile leaves no directory, and nothing that runs', async (t) => {
  const parent = startNode(`import { checkHost } from 'cofferdam'; await checkHost()`)
  t.cleanUp(() => parent.kill('SIGKILL'))
  const directories = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cofferdam-doctor-'))
  const until = async (what: string, condition: () => boolean) => {
    for (const deadlineMs = performance.now() + 10_000; !condition(); await sleep(5))
      if (performance.now() > deadlineMs) throw new Error(`Never: ${what}`)
  }
  await until('it has begun', () => directories().length > 0)
  const started = offspring(parent.pid ?? 0)
  assert.ok(started.length > 0)
  parent.kill('SIGKILL')
  await until('the directory is gone', () => directories().length === 0)
  assert.equal(await survivors(started, 10_000), [])
})

test('a host on which time runs out is reported as not known, not as an error', async () => {
  const startedMs = performance.now()
  const report = await checkHost({ timeoutMs: 1 })
  assert.ok(performance.now() - startedMs < 5000)
  assertSound(report)
  assert.not(report.defaultSandbox.starts)
  assert.match(report.defaultSandbox.reason ?? '', /not known after 1 ms/)
  assert.ok(named(report, undefined).length > 30, 'more is known than can be')
})

test('what is known when time runs out is told', async () => {
  // However fast the machine: each of these is sound, and one that had time for everything says everything.
  for (const timeoutMs of [50, 150, 250, 400]) assertSound(await checkHost({ timeoutMs }))
})

test('where no process may be started the report says so', async () => {
  const { stdout, stderr } = await runNode(
    `import { checkHost } from 'cofferdam'
       console.log(JSON.stringify(await checkHost()))`,
    { flags: [PERMISSION, '--allow-fs-read=*', '--allow-fs-write=*'], env: { NODE_NO_WARNINGS: '1' } },
  )
  const report = JSON.parse(stdout || '{}') as HostReport
  assertSound(report)
  assert.match(report.defaultSandbox.reason ?? '', /no process could be started/, stderr)
})

test('without a native addon that can be loaded the report says how to get one', async () => {
  const { stdout, stderr } = await runNode(
    `import { checkHost } from 'cofferdam'
     console.log(JSON.stringify(await checkHost()))`,
    { env: { COFFERDAM_PREBUILD: '/nonexistent' } },
  )
  const report = JSON.parse(stdout || '{}') as HostReport
  assertSound(report)
  const { works, remedy } = row(report, 'addon')
  assert.is(works, false, stderr)
  assert.match(remedy ?? '', /npm rebuild cofferdam/)
  assert.not(report.defaultSandbox.starts)
  assert.equal(named(report, true), ['id-map-rights'])
})

test('without a directory for temporary files only what needs one is not known, and none is made', async () => {
  const { stdout, stderr } = await runNode(
    `import { checkHost } from 'cofferdam'
     console.log(JSON.stringify(await checkHost()))`,
    { env: { TMPDIR: '/no/such/directory' } },
  )
  const report = JSON.parse(stdout || '{}') as HostReport
  assertSound(report)
  for (const name of ['rootfs.overlay', 'rootfs.upper']) assert.is(row(report, name).works, undefined, stderr)
  assert.ok(row(report, 'namespaces.user').works)
  assert.match(row(report, 'rootfs.upper').detail ?? '', /TMPDIR/)
  assert.not(existsSync('/no'))
})

test('what is set for this process alone does not reach the one that tries', async () => {
  const { code, stdout, stderr } = await runNode(
    `import { checkHost } from 'cofferdam'
     process.env.NODE_OPTIONS = '--no-such-flag'
     process.chdir('/')
     console.log((await checkHost()).defaultSandbox.starts)`,
  )
  assert.equal([code, stdout, stderr], [0, 'true\n', ''])
})

test(
  'a process that has changed its user id is told what a child of it could not find out',
  async () => {
    const { stdout, stderr } = await runNode(`
      import { checkHost } from 'cofferdam'
      process.setgroups([]); process.setgid(12345); process.setuid(12345)
      console.log(JSON.stringify(await checkHost()))`)
    const report = JSON.parse(stdout || '{}') as HostReport
    assert.is(row(report, 'namespaces.user').works, true, stderr)
    assert.is(row(report, 'id-map-rights').works, false)
    assert.not(report.defaultSandbox.starts)
    assert.match(report.defaultSandbox.remedy ?? '', /setpriv --reuid/)
  },
  { needs: SPOILT },
)

test('bad options are refused by name', async () => {
  for (const [options, message] of [
    [{ timeoutMs: 0 }, /checkHost\(\)\.timeoutMs/],
    [{ timeoutMs: '5s' }, /checkHost\(\)\.timeoutMs/],
    [{ timeout: 5 }, /timeoutMs/],
    [null, /an object/],
  ] as const) {
    const error = await checkHost(options as never).then(
      () => undefined,
      (thrown: Error & { code?: string }) => thrown,
    )
    assert.is(error?.code, 'ERR_SANDBOX_INVALID_OPTION', JSON.stringify(options))
    assert.match(error?.message ?? '', message)
  }
})

test.run()
