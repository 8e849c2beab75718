// Inits made ahead: what they hold while they wait, whom they serve, and that nobody can tell one from an init made on
// the spot.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask } from '../support/ask.js'
import { box, probeRootfs, runProbe, spawnProbe } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { anyUser, cgroup2, cgroupMounts, ownGroup, root } from '../support/host.js'
import { cgroupV1 } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'
import { offspring, startVictim, survivors } from '../support/victims.js'
import { drainStock } from '../support/warm-up.js'

const test = suite('stock', { warmUp: true })
const options = { needs: root }

const waiting = (): number[] =>
  offspring(process.pid).flatMap(({ pid, name }) => (name === 'cofferdam-blank' ? [pid] : []))

/** Runs something until two inits wait, which is all that are kept for one recipe. */
async function fill(recipe: Sandbox): Promise<number[]> {
  drainStock()
  assert.ok((await recipe.run('/true')).ok)
  for (const deadlineMs = performance.now() + 900; performance.now() < deadlineMs; await sleep(2)) {
    if (waiting().length === 2) return waiting()
  }
  throw new Error(`${waiting().length} inits wait, not 2`)
}

/** The pid on the host of the init that serves a sandbox. */
async function servant(t: Parameters<typeof spawnProbe>[0], recipe: Sandbox): Promise<number> {
  const child = await spawnProbe(t, recipe, ['sleep', '60'])
  return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
}

test(
  'while a recipe is in use two inits wait for it, and each serves once',
  async (t) => {
    const [first = 0, second = 0] = await fill(box())
    const served = [await servant(t, box()), await servant(t, box())]
    assert.equal(served.sort(), [first, second].sort())
    assert.not([first, second].includes(await servant(t, box())))
  },
  options,
)

test(
  'inits that nobody asks for are gone a second after the last use',
  async () => {
    const inits = await fill(box())
    for (const deadlineMs = performance.now() + 1600; waiting().length > 0; await sleep(20)) {
      if (performance.now() > deadlineMs) throw new Error('They still wait')
    }
    for (const pid of inits) assert.not(existsSync(`/proc/${pid}`))
  },
  options,
)

test(
  'a waiting init holds no mount of the host',
  async () => {
    const [pid] = await fill(box())
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n')
    const kinds = mounts.map((line) => line.split(' - ')[1]?.split(' ')[0])
    assert.equal([...new Set(kinds)].sort(), ['devpts', 'mqueue', 'proc', 'tmpfs'])
  },
  options,
)

test(
  'a waiting init has namespaces, ids and a group of its own already, and no descriptor but its channel',
  async () => {
    const [pid, other] = await fill(box())
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    assert.match(status, /^NSpid:\t\d+\t1$/m)
    assert.match(status, /^Uid:\t100000\t/m)
    const map = readFileSync(`/proc/${pid}/uid_map`, 'utf8')
    assert.equal(map.trim().split(/\s+/), ['0', '100000', '65536'])
    assert.is.not(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))
    assert.is.not(pid, other)
  },
  options,
)

test(
  'a waiting init that is killed from outside is replaced unseen',
  async () => {
    for (const pid of await fill(box())) {
      process.kill(pid, 'SIGKILL')
      while (!/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(1)
    }
    for (let i = 0; i < 4; i++) assert.ok((await box().run('/true')).ok)
  },
  options,
)

test(
  'what the stock was made for stays with it: another name, another user, another size',
  async () => {
    const recipes = [
      box().hostname('first'),
      box().hostname('second'),
      box().user(0),
      box().user(1000).capabilities('chown'),
      box().share('net'),
      box().rootfs(probeRootfs, { size: '1MiB' }),
    ]
    const look = async (recipe: Sandbox) =>
      (await runProbe(recipe, 'hostname', ',', 'ids', ',', 'caps', ',', 'statfs', '/')).stdout
    const expected = await Promise.all(
      recipes.map(async (recipe) => {
        drainStock()
        return look(recipe)
      }),
    )
    for (let round = 0; round < 3; round++) {
      for (const [i, recipe] of recipes.entries()) assert.is(await look(recipe), expected[i])
    }
    assert.is(new Set(expected).size, recipes.length)
  },
  options,
)

test(
  'layers and binds are as they are when the sandbox is started',
  async (t) => {
    const [layer, data] = [t.tempDir(), t.tempDir()]
    const recipe = box().rootfs([probeRootfs, layer]).bind(data, '/data')
    await fill(recipe)
    for (const text of ['first', 'second', 'third']) {
      writeFileSync(join(layer, 'note'), `${text}\n`)
      writeFileSync(join(data, 'note'), `${text}\n`)
      assert.equal(await ask(recipe, 'read /note', 'read /data/note'), [text, text])
    }
  },
  options,
)

test(
  'nothing that one sandbox does is seen by the next, from the stock or not',
  async () => {
    for (let i = 0; i < 6; i++) {
      const { stdout } = await runProbe(
        box().user(0),
        'ls',
        '/tmp',
        ',',
        'ls',
        '/dev/shm',
        ',',
        'write',
        '/tmp/mine',
        'x',
        ',',
        'write',
        '/dev/shm/mine',
        'x',
      )
      assert.not.match(stdout, 'mine')
    }
  },
  options,
)

test(
  'a process that gives up its privileges is served by no init of its former self',
  async () => {
    const source = `import { sandbox } from 'cofferdam'
      const box = sandbox().rootfs(process.argv[1])
      await box.run('/true')
      await new Promise((done) => setTimeout(done, 100))
      process.setgroups([])
      process.setgid(54321)
      process.setuid(54321)
      const answer = await box.run('/probe', ['ids']).then((result) => result.stdout, ({ step, code }) => step + ' ' + code)
      console.log(answer)`
    const { stdout } = await runNode(source, { args: [probeRootfs] })
    assert.match(stdout, /^[a-z-]+ E[A-Z]+\n$/)
  },
  { needs: [root, anyUser] },
)

/** A group of the v1 freezer: a process that is killed in one ends only when it is thawed. */
function freezer(t: TestContext): string {
  const mount = cgroupMounts().find(({ type, options }) => type === 'cgroup' && options.includes('freezer'))
  const group = join(mount?.path ?? '', `stock-test-${process.pid}`)
  mkdirSync(group)
  t.cleanUp(() => {
    writeFileSync(join(group, 'freezer.state'), 'THAWED')
    rmdirSync(group)
  })
  return group
}

test(
  'inits that are let go of and end late, when nobody looks for idle groups any more, still leave no group',
  async (t) => {
    const group = freezer(t)
    const inits = await fill(box())
    const own = /^0::(.*)\/init$/m.exec(readFileSync(`/proc/${inits[0]}/cgroup`, 'utf8'))?.[1] ?? ''
    const path = `${ownGroup('')}${own}`.replace('//', '/')
    assert.ok(existsSync(path), path)
    for (const pid of inits) writeFileSync(join(group, 'cgroup.procs'), String(pid))
    writeFileSync(join(group, 'freezer.state'), 'FROZEN')
    // Their recipe's shelf is given up a second after its last use, which is before they have ended.
    const thaw = spawn('sh', ['-c', `sleep 1.6; echo THAWED > ${group}/freezer.state`], { stdio: 'ignore' })
    const thawed = once(thaw, 'exit')
    const startedMs = performance.now()
    drainStock()
    assert.ok(performance.now() - startedMs > 1200, 'they could end before they were thawed')
    await thawed
    for (const deadlineMs = performance.now() + 5000; existsSync(path); await sleep(20))
      assert.ok(performance.now() < deadlineMs, `${path} is left`)
  },
  { needs: [root, cgroup2], only: cgroupV1 },
)

test(
  'when Node is killed its waiting inits end',
  async () => {
    const victim = startVictim(
      `await box.run('/true'); await new Promise((done) => setTimeout(done, 100)); console.log('ready'); setInterval(() => {}, 1000)`,
    )
    await new Promise((done) => victim.stdout?.once('data', done))
    const all = offspring(victim.pid ?? 0)
    assert.is(all.filter(({ name }) => name === 'cofferdam-blank').length, 2)
    victim.kill('SIGKILL')
    assert.equal(await survivors(all, 2000), [])
  },
  options,
)

test.run()
