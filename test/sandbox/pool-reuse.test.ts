// `reuse: true`: a run finds nothing of an earlier one, whether its box has stayed or has been replaced.
import { readdirSync } from 'node:fs'
import { type Sandbox, SandboxPool, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { toArguments } from '../support/ask.js'
import { box, probeRootfs } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { closing, tell } from '../support/open-boxes.js'
import { suite, type TestContext } from '../support/suite.js'
import { offspring } from '../support/victims.js'

const test = suite('reuse', { warmUp: true })

// Without the filter, which would keep a program from leaving keys in the first place.
const readonly = () => sandbox().rootfs(probeRootfs, { mode: 'readonly' }).seccomp('off')
const overlay = () => box().seccomp('off')
const needs = [root, cgroup2]

function poolOf(t: TestContext, recipe: Sandbox, concurrency = 1): SandboxPool {
  return closing(t, new SandboxPool({ recipe, concurrency, warm: concurrency, reuse: true }))
}

/** What tells one box from another: a namespace that its commands share, whose number the kernel may use again, and when init began. */
async function boxOf(pool: SandboxPool): Promise<string> {
  const [ns = '', ...stat] = (await tell(pool, 'ns', 'read /proc/1/stat')).split('\n')
  const beganAt = stat.join('\n').split(') ')[1]?.split(' ')[19]
  assert.ok(Number(beganAt) > 0, stat.join('\n'))
  return `${JSON.stringify(JSON.parse(ns).user)} ${beganAt}`
}

const WAYS: [name: string, recipe: () => Sandbox, stays: boolean][] = [
  ['a box that stays', readonly, true],
  ['a box that is replaced for its layer in memory', overlay, false],
  ['a box that is replaced for its user', () => readonly().user(0), false],
]

test(
  'a box stays if all can be replaced in it, and plan() says so',
  async (t) => {
    for (const [name, recipe, stays] of WAYS) {
      assert.is(recipe().plan().resettable, stays, name)
      const pool = poolOf(t, recipe())
      const boxes = new Set<string>()
      for (let i = 0; i < 3; i++) boxes.add(await boxOf(pool))
      assert.is(boxes.size === 1, stays, `${name}: ${boxes.size} boxes`)
    }
  },
  { needs },
)

test('what keeps a box from staying is told by the plan', () => {
  const { resettable } = readonly().plan()
  for (const recipe of [
    overlay(),
    readonly().user(0),
    readonly().share('ipc'),
    readonly().share('pid'),
    readonly().capabilities('net_bind_service'),
    readonly().file('/tmp/given', 'x'),
    readonly().tmpfs('/tmp/below'),
    readonly().bind('/etc', '/dev/shm/etc'),
  ])
    assert.is(recipe.plan().resettable, false)
  for (const recipe of [readonly().tmpfs('/run'), readonly().tmpfs('/tmp'), readonly().share('net')])
    assert.is(recipe.plan().resettable, resettable)
})

/** Each thing that a run can leave, and what the next one says when it looks for it. */
const THINGS: Record<string, { leave: string[]; look: string[]; clean: string }> = {
  'files in /tmp': { leave: ['write /tmp/left x', 'mkdir /tmp/dir'], look: ['ls /tmp'], clean: '[]\n' },
  'files in /dev/shm': { leave: ['write /dev/shm/left x'], look: ['ls /dev/shm'], clean: '[]\n' },
  'System V objects and POSIX queues': {
    leave: ['ipc-make 4711'],
    look: ['ipc-see 4711', 'ls /dev/mqueue'],
    clean: '',
  },
  'keys of the session': { leave: ['key-add left'], look: ['key-see left'], clean: 'ENOKEY\n' },
  'keys of the user': { leave: ['lasting-key-add user left'], look: ['lasting-key-see user left'], clean: 'ENOKEY\n' },
  'keys of the persistent keyring': {
    leave: ['lasting-key-add persistent left'],
    look: ['lasting-key-see persistent left'],
    clean: 'ENOKEY\n',
  },
  "keys of the user's session": {
    leave: ['lasting-key-add user-session left'],
    look: ['lasting-key-see user-session left'],
    clean: 'ENOKEY\n',
  },
}

for (const [name, recipe, stays] of WAYS) {
  for (const [thing, { leave, look, clean }] of Object.entries(THINGS)) {
    test(
      `${name}: ${thing} of one run are not there for the next`,
      async (t) => {
        const pool = poolOf(t, recipe())
        const before = await boxOf(pool)
        const untouched = clean || (await tell(pool, ...look))
        await tell(pool, ...leave)
        const left = await tell(pool, ...leave, ...look)
        assert.not.match(
          left.slice(-untouched.length - 1),
          new RegExp(`^.${untouched}$`, 's'),
          'the probe sees what it leaves',
        )
        assert.is(await tell(pool, ...look), untouched)
        assert.is((await boxOf(pool)) === before, stays)
      },
      { needs },
    )
  }
}

test(
  'the layer in memory is new for each run',
  async (t) => {
    const pool = poolOf(t, overlay().user(0))
    await tell(pool, 'write /left x', 'unlink /true')
    assert.match(await tell(pool, 'ls /'), 'true')
    assert.not.match(await tell(pool, 'ls /'), 'left')
  },
  { needs },
)

test(
  "a tmpfs of the recipe's is new for each run, and as large as it should be",
  async (t) => {
    const pool = poolOf(t, readonly().tmpfs('/run', { size: '1MiB', mode: 0o1777 }))
    const first = await boxOf(pool)
    await tell(pool, 'write-file /run/left 900000')
    assert.is(
      await tell(pool, 'ls /run', 'write-file /run/again 900000', 'ls /run').then((text) => text.split('\n')[0]),
      '[]',
    )
    assert.is(await boxOf(pool), first)
  },
  { needs },
)

test(
  '/tmp and /dev/shm hold together what they hold in a new box, with the same modes',
  async (t) => {
    const look = ['stat /tmp', 'stat /dev/shm', 'statfs /tmp', 'statfs /dev/shm']
    const fresh = await readonly().run('/probe', toArguments(look))
    const pool = poolOf(t, readonly())
    await tell(pool, 'touch /tmp/left')
    const plain = (text: string) =>
      text.replaceAll(/"(device|size|filesFree|blocksFree|available|files|free)":[^,}]*,?/g, '')
    assert.is(plain(await tell(pool, ...look)), plain(fresh.stdout))
  },
  { needs },
)

test(
  'processes of one run are gone when the next begins, daemons and abstract sockets included',
  async (t) => {
    const pool = poolOf(t, readonly())
    const first = await boxOf(pool)
    for (let i = 0; i < 5; i++) {
      const { visible } = JSON.parse(await tell(pool, 'pids'))
      assert.is(visible.length, 2, `init and the command see ${visible}`)
      await tell(pool, 'orphan 60')
    }
    const listening = await pool.spawn('/probe', ['listen-abstract', 'left'])
    await new Promise((done) => listening.stdout?.once('data', done))
    listening.kill('SIGKILL')
    await listening.wait()
    assert.is(await tell(pool, 'connect-abstract left'), 'ECONNREFUSED\n')
    assert.is(await boxOf(pool), first)
  },
  { needs },
)

test(
  'figures of one run are not in those of the next',
  async (t) => {
    const pool = poolOf(t, readonly().limits({ cpuTime: '10s' }))
    await pool.run('/probe', ['spin', '200'])
    const { usage } = await pool.run('/true')
    assert.ok(usage.cpuTimeMs < 100, `${usage.cpuTimeMs} ms`)
  },
  { needs },
)

test(
  'a run that locks its keyring so that it cannot be emptied costs its box, and no other run',
  async (t) => {
    const pool = poolOf(t, readonly())
    const first = await boxOf(pool)
    await tell(pool, 'lasting-key-add user left', 'lock-keyring user')
    assert.is(await tell(pool, 'lasting-key-see user left'), 'ENOKEY\n')
    assert.is.not(await boxOf(pool), first)
  },
  { needs },
)

// With the filter, whose installing borrows init's table of descriptors: what stayed open in it would hold the mounts and
// the keyrings of commands that have long ended, of which a user may have 200 (/proc/sys/kernel/keys/maxkeys).
test(
  'after hundreds of runs init holds no more descriptors, and keys are not used up',
  async (t) => {
    const pool = poolOf(t, sandbox().rootfs(probeRootfs, { mode: 'readonly' }))
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) assert.ok((await pool.run('/true')).ok)
    }
    const inits = () => offspring(process.pid).filter(({ name }) => name === 'cofferdam-init')
    const held = () => inits().map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length)
    await run(3)
    const [before, ...others] = held()
    await run(300)
    const [after] = held()
    assert.equal(others, [])
    // The place of the next command may be there or not: two descriptors.
    assert.ok(Number(after) <= Number(before) + 2, `${before} descriptors, and then ${after}`)
  },
  { needs, timeoutMs: 60_000 },
)

test(
  'many runs at once share the boxes, and none finds anything of another',
  async (t) => {
    const pool = poolOf(t, readonly(), 3)
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => tell(pool, 'ls /tmp', `write /tmp/left${i} x`, 'ns')),
    )
    const users = new Set<string>()
    for (const answer of answers) {
      assert.is(answer.split('\n')[0], '[]')
      users.add(JSON.stringify(JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '{}').user))
    }
    assert.ok(users.size <= 4, `${users.size} boxes`)
  },
  { needs },
)

test.run()
