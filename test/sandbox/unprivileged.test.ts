// Callers that are not root: what they can have they have just as well, what they cannot have is a typed error.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { askHost, type Ids, type NamespaceIds, type Pids } from '../support/ask.js'
import { asCaller, CALLER, callerSuite, type Refusal } from '../support/caller.js'
import { kernelFrom } from '../support/kinds.js'

const test = callerSuite('unprivileged caller')

const ids = (id: number): Ids => ({ uid: [id, id, id], gid: [id, id, id], groups: [] })

test('a sandbox has all eight namespaces, a user of its own and a loopback', async () => {
  const [namespaces, user, pids, interfaces, loopback, outside] = await asCaller<
    [NamespaceIds, Ids, Pids, object[], string, string]
  >(`return ask(box(), 'ns', 'ids', 'pids', 'ifaces', 'bind-loopback', 'connect 192.0.2.1 80')`)
  const [host] = askHost<[NamespaceIds]>('ns')
  assert.equal(
    Object.keys(host).filter((name) => namespaces[name] === host[name]),
    [],
  )
  assert.equal(user, ids(1000))
  assert.equal(pids, { self: 2, parent: 1, group: 2, session: 2, visible: [1, 2] })
  assert.equal(interfaces, [{ name: 'lo', up: true, address: '127.0.0.1' }])
  assert.equal([loopback, outside], ['ok', 'ENETUNREACH'])
})

test('the map has one id, which is the caller on the host', async () => {
  const maps = await asCaller<string[]>(`return ask(box(), 'read /proc/self/uid_map', 'read /proc/self/gid_map')`)
  const words = maps.map((line) => line.trim().split(/\s+/))
  assert.equal(
    words,
    [1, 2].map(() => ['1000', `${CALLER}`, '1']),
  )

  const status = await asCaller<string>(`
    const { readFileSync } = await import('node:fs')
    const child = await box().spawn('/probe', ['sleep', '60'])
    const status = readFileSync('/proc/' + child.pid + '/status', 'utf8')
    await child[Symbol.asyncDispose]()
    return status`)
  const four = Array(4).fill(CALLER).join('\t')
  assert.match(status, `Uid:\t${four}\n`)
  assert.match(status, `Gid:\t${four}\n`)
})

test('a terminal is of the sandbox, the size of which can be changed', async () => {
  const shown = await asCaller<string>(`
    const { sandbox } = await import('cofferdam')
    const child = await sandbox().spawn('sh', ['-c', 'tty; read go; stty size; echo again >/dev/pts/0'], { pty: true })
    let shown = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      shown += chunk
      if (shown === '/dev/pts/0\\r\\n' && child.resize({ cols: 50, rows: 20 })) child.stdin.write('go\\n')
    }
    await child.closed
    return shown`)
  assert.is(shown, '/dev/pts/0\r\ngo\r\n20 50\r\nagain\r\n')
})

test('user() chooses that id', async () => {
  const answers = await asCaller<Ids[][]>(
    `return [await ask(box().user(0), 'ids'), await ask(box().user(5, 5), 'ids')]`,
  )
  assert.equal(answers, [[ids(0)], [ids(5)]])
})

test('the hardening is the same', async () => {
  const [process, caps, signals, fds, environment, tty] = await asCaller<
    [Record<string, number>, Record<string, string>, object, object, string[], string]
  >(`return ask(box(), 'process', 'caps', 'sigs', 'fds', 'env', 'tty')`)
  assert.equal([process.noNewPrivileges, process.umask], [1, 0o022])
  assert.equal(new Set(Object.values(caps)), new Set(['0000000000000000']))
  assert.equal(signals, { blocked: [], ignored: [], handled: [] })
  assert.equal(Object.keys(fds), ['0', '1', '2'])
  assert.equal([environment, tty], [[], 'ENXIO'])
})

test('init is out of reach, though it has the same id on the host', async () => {
  const answers = await asCaller<string[]>(`return ask(box().seccomp('off'),
    'try-open /proc/1/mem', 'try-open /proc/1/environ', 'try-open /proc/1/root', 'try-ptrace 1',
    'try-kill 1 9', 'try-kill 1 19', 'sleep 0.05', 'say alive')`)
  assert.equal(answers.slice(0, 4), ['EACCES', 'EACCES', 'EACCES', 'EPERM'])
  assert.is(answers.at(-1), 'alive')
  const { outcome } = await asCaller<{ outcome: string }>(
    `return box().limits({ wallTime: 300 }).run('/probe', ['try-kill', '1', '19', ',', 'sleep', '20'])`,
  )
  assert.is(outcome, 'wall-time-limit')
})

test('limits that need no control group hold', async () => {
  const { wall, output, files } = await asCaller<{
    wall: string
    output: string
    files: { opened: number }[]
  }>(`return {
    wall: (await box().limits({ wallTime: 200 }).run('/probe', ['sleep', '20'])).outcome,
    output: (await box().limits({ output: 1000 }).run('/probe', ['write-forever'])).outcome,
    files: await ask(box().limits({ openFiles: 10 }), 'open-many'),
  }`)
  assert.equal([wall, output, files[0]?.opened], ['wall-time-limit', 'output-limit', 7])
})

test('what needs a control group is refused by name, with a hint', async (t) => {
  const refusals = await asCaller<Record<string, Refusal>>(`
    const hierarchies = sandbox().plan().cgroups.length
    if (hierarchies > 0) return {}
    const recipes = {
      'limits.memory': box().limits({ memory: '64MiB' }),
      'limits.pids': box().limits({ pids: 4 }),
      'limits.cpu': box().limits({ cpu: 0.5 }),
      'limits.cpuTime': box().limits({ cpuTime: '1s' }),
      'limits.cpuset': box().limits({ cpuset: '0' }),
      'priority.cpuWeight': box().priority({ cpuWeight: 10 }),
    }
    const entries = Object.entries(recipes).map(async ([name, recipe]) => [name, await refusal(recipe.run('/true'))])
    return Object.fromEntries(await Promise.all(entries))`)
  if (Object.keys(refusals).length === 0) t.skip('the caller has a control group of its own')
  for (const [feature, refusal] of Object.entries(refusals)) {
    assert.equal([refusal.name, refusal.feature], ['SandboxUnsupportedError', feature])
    assert.ok((refusal.hint ?? '').length > 20, `${feature} has a hint`)
    assert.match(refusal.message ?? '', feature)
  }
})

test('without a user namespace nothing can be had, and the error says so', async () => {
  const refusal = await asCaller<Refusal>(`return refusal(box().share('user').run('/true'))`)
  assert.equal([refusal.name, refusal.feature], ['SandboxUnsupportedError', 'namespaces'])
  assert.match(refusal.hint ?? '', /'user'|root/)
})

test('capabilities count inside, and network settings with them', async () => {
  const answers = await asCaller<string[]>(`return [
    ...await ask(box().capabilities('net_bind_service'), 'try-bind 80', 'try-socket 17 3'),
    ...await ask(box(), 'try-bind 80'),
  ]`)
  assert.equal(answers, ['ok', 'EPERM', 'EACCES'])
})

test(
  'clocks can be moved',
  async () => {
    const [{ monotonic: before }] = askHost<[{ monotonic: number }]>('clock')
    const [{ monotonic }] = await asCaller<[{ monotonic: number }]>(
      `return ask(box().clockOffset({ monotonic: '1d' }), 'clock')`,
    )
    assert.ok(monotonic >= before + 86_400 && monotonic < before + 86_430)
  },
  { only: kernelFrom(6, 2) },
)

test('each namespace but the user and pid ones can be shared', async () => {
  const names = ['mount', 'net', 'ipc', 'uts', 'cgroup', 'time']
  const seen = await asCaller<NamespaceIds[]>(
    `return Promise.all(args.map(async (name) => {
       const recipe = name === 'mount' ? sandbox().share(name) : box().share(name)
       const { stdout } = await recipe.run(name === 'mount' ? rootfs + '/probe' : '/probe', ['ns'])
       return JSON.parse(stdout)
     }))`,
    ...names,
  )
  const [host] = askHost<[NamespaceIds]>('ns')
  const shared = seen.map((namespaces) => Object.keys(host).filter((name) => namespaces[name] === host[name]))
  assert.equal(shared, [['mnt'], ['net'], ['ipc'], ['uts'], ['cgroup'], ['time']])
})

test('nothing is left behind by many sandboxes, good and bad', async () => {
  const { descriptors, mounts, children } = await asCaller<{
    descriptors: number[]
    mounts: boolean
    children: string
  }>(`
    const { readdirSync, readFileSync } = await import('node:fs')
    const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')
    const round = () => Promise.all(Array.from({ length: 20 }, (_, i) =>
      [() => box().run('/true'), () => refusal(box().run('/missing')), () => box().limits({ wallTime: 50 }).run('/probe', ['sleep', '9'])][i % 3]()))
    await round()
    await new Promise((done) => setTimeout(done, 300))
    const before = [readdirSync('/proc/self/fd').length, mounts()]
    await round()
    await new Promise((done) => setTimeout(done, 300))
    return {
      descriptors: [before[0], readdirSync('/proc/self/fd').length],
      mounts: mounts() === before[1],
      children: readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'),
    }`)
  assert.ok((descriptors[1] ?? 0) <= (descriptors[0] ?? 0), `descriptors: ${descriptors.join(' -> ')}`)
  assert.equal([mounts, children], [true, ''])
  assert.equal(livingOf(CALLER), [])
})

/** The inits of that user that live; of all users' processes only those can be told. */
function livingOf(uid: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isInit = /^cofferdam-init$/m.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))
      return isInit && statSync(`/proc/${pid}/task`).uid === uid
    } catch {
      return false
    }
  })
}

test.run()
