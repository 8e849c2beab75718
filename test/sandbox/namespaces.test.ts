// namespaces(), share(), hostname(): a sandbox has exactly the namespaces it asks for, and what it sees and changes there
// is its own. Network, IPC and clocks have files of their own.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type NamespaceName, type Sandbox, type SandboxProcess, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, type NamespaceIds, type Pids } from '../support/ask.js'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('namespaces', { warmUp: true })

// In the order of the bits below; with the names that /proc gives them.
const IN_PROC = {
  user: 'user',
  mount: 'mnt',
  pid: 'pid',
  net: 'net',
  ipc: 'ipc',
  uts: 'uts',
  cgroup: 'cgroup',
  time: 'time',
} as const satisfies Record<NamespaceName, string>
const ALL = Object.keys(IN_PROC) as NamespaceName[]

/** Runs the probe with exactly these namespaces new, where it can be found with and without a mount namespace. */
async function namespacesOf(own: readonly NamespaceName[]): Promise<NamespaceIds> {
  const exact = own.length === 0 ? sandbox().share(...ALL) : sandbox().namespaces(...own)
  const result = own.includes('mount')
    ? await exact.rootfs(probeRootfs).run('/probe', ['ns'])
    : await exact.run(join(probeRootfs, 'probe'), ['ns'])
  assert.ok(result.ok, `${own.join(', ')}: ${result.explain()} ${result.stderr}`)
  return JSON.parse(result.stdout)
}

function newOnes(inside: NamespaceIds, host: NamespaceIds): NamespaceName[] {
  return ALL.filter((name) => inside[IN_PROC[name]] !== host[IN_PROC[name]])
}

/** A sandbox that lives until the end of the test. */
async function live(t: TestContext, recipe: Sandbox): Promise<SandboxProcess> {
  const child = await spawnProbe(t, recipe, ['say', 'ready', ',', 'sleep', '60'])
  assert.is(await firstText(child.stdout), 'ready\n')
  return child
}

test(
  'each of the 256 combinations is exactly the one that was asked for',
  async () => {
    const [host] = askHost<[NamespaceIds]>('ns')
    assert.is(new Set(Object.values(host)).size, ALL.length)
    for (let bits = 0; bits < 256; bits++) {
      const own = ALL.filter((_, i) => (bits >> i) & 1)
      assert.equal(newOnes(await namespacesOf(own), host), own)
    }
    assert.equal(askHost<[NamespaceIds]>('ns'), [host], 'the host has its own ones still')
  },
  { needs: [root, cgroup2], timeoutMs: 90_000 },
)

test('a recipe that says nothing has all eight, and so has namespaces()', async () => {
  const [host] = askHost<[NamespaceIds]>('ns')
  const [[silent], [explicit]] = [
    await ask<[NamespaceIds]>(box(), 'ns'),
    await ask<[NamespaceIds]>(box().namespaces(), 'ns'),
  ]
  assert.equal(newOnes(silent, host), ALL)
  assert.equal(newOnes(explicit, host), ALL)
})

test(
  'two live sandboxes share none, also not the network that was made ahead',
  async (t) => {
    const pids = await Promise.all([live(t, box()), live(t, box()), live(t, box())])
    const links = pids.flatMap(({ pid }) => ALL.map((name) => readlinkSync(`/proc/${pid}/ns/${IN_PROC[name]}`)))
    assert.is(new Set(links).size, 3 * ALL.length)
  },
  { needs: root },
)

test('only its own processes are visible, and init is process 1', async () => {
  const [pids] = await ask<[Pids]>(box(), 'pids')
  assert.equal(pids, { self: 2, parent: 1, group: 2, session: 2, visible: [1, 2] })
})

test('no process of the host can be signalled', async () => {
  const answers = await ask(box(), `try-kill ${process.pid} 0`, 'try-kill -1 9', 'say alive')
  assert.equal(answers, ['ESRCH', 'ESRCH', 'alive'])
})

test(
  'the host sees its process under the id that child.pid tells, with and without a pid namespace',
  async (t) => {
    const own = await live(t, box())
    assert.match(readFileSync(`/proc/${own.pid}/status`, 'utf8'), new RegExp(`NSpid:\\t${own.pid}\\t2\n`))
    assert.match(readFileSync(`/proc/${own.pid}/cmdline`, 'utf8'), /^\/probe\0say\0/)

    const shared = await live(t, box().share('pid'))
    assert.match(readFileSync(`/proc/${shared.pid}/status`, 'utf8'), new RegExp(`NSpid:\\t${shared.pid}\n`))
    assert.match(readFileSync(`/proc/${shared.pid}/cmdline`, 'utf8'), /^\/probe\0say\0/)
  },
  { needs: [root, cgroup2] },
)

test(
  'with a shared pid namespace the ids are those of the host, and its processes are visible',
  async (t) => {
    const [pids] = await ask<[Pids]>(box().share('pid'), 'pids')
    assert.ok(pids.visible.includes(process.pid), 'sees Node')
    assert.ok(pids.visible.includes(pids.self))
    const child = await spawnProbe(t, box().share('pid'), ['pids'])
    assert.is(JSON.parse(await firstText(child.stdout)).self, child.pid)
  },
  { needs: [root, cgroup2] },
)

test('the host name is its own', async () => {
  const before = hostname()
  assert.equal(await ask(box(), 'hostname'), ['sandbox'])
  assert.equal(await ask(box().hostname('builder-7'), 'hostname'), ['builder-7'])
  assert.equal(await ask(box(), 'try-sethostname mine', 'hostname'), ['EPERM', 'sandbox'])
  const renamed = await ask(box().capabilities('sys_admin'), 'try-sethostname mine', 'hostname')
  assert.equal(renamed, ['ok', 'mine'])
  assert.is(hostname(), before)
})

test('with a shared uts namespace the host name is that of the host, and cannot be set', async () => {
  const answers = await ask(box().share('uts').capabilities('sys_admin'), 'hostname', 'try-sethostname mine')
  assert.equal(answers, [hostname(), 'EPERM'])
  assert.equal(askHost('hostname'), [hostname()])
})

test('mounts inside are not seen on the host', async (t) => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  const recipe = box().capabilities('sys_admin').tmpfs('/a-mount-of-the-recipe')
  const child = await spawnProbe(t, recipe, ['try-mount', '/tmp', ',', 'mounts', ',', 'say', 'END', ',', 'sleep', '60'])
  const inside = await firstText(child.stdout, 'END\n') // more than the probe writes at once
  assert.match(inside, / \/a-mount-of-the-recipe /)
  assert.match(inside, /^ok\n/)
  assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), before)
})

test('mounts of the host are not seen inside, nor any of its paths', async () => {
  const { stdout } = await box().run('/probe', ['mounts'])
  const points = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[4])
  assert.ok(points.includes('/') && points.includes('/proc'))
  const foreign = points.filter((point) => !/^\/($|proc|dev|tmp$)/.test(point ?? ''))
  assert.equal(foreign, [])
  assert.not.match(stdout, probeRootfs)
})

test(
  'a mount that the host makes later does not appear inside',
  async (t) => {
    const directory = t.tempDir()
    const later = join(directory, 'later')
    mkdirSync(later)
    const child = await live(t, box().bind(directory, '/shared'))
    execFileSync('mount', ['-t', 'tmpfs', 'none', later])
    t.cleanUp(() => execFileSync('umount', [later]))
    writeFileSync(join(later, 'secret'), '')

    assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), later)
    assert.not.match(readFileSync(`/proc/${child.pid}/mountinfo`, 'utf8'), /later/)
  },
  { needs: root },
)

test('every control group is the root of its hierarchy', async () => {
  const { stdout } = await box().run('/probe', ['cgroup'])
  const paths = stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\d+:[^:]*:/, ''))
  assert.ok(paths.length > 0)
  assert.equal(
    paths.filter((path) => path !== '/'),
    [],
  )
})

test(
  'with a shared cgroup namespace the path of its group is seen, as on the host',
  async (t) => {
    const child = await spawnProbe(t, box().share('cgroup'), ['cgroup', ',', 'sleep', '60'])
    const inside = await firstText(child.stdout)
    assert.match(inside, new RegExp(`^0::.*/cofferdam\\.${process.pid}\\.`, 'm'))
    assert.is(inside, readFileSync(`/proc/${child.pid}/cgroup`, 'utf8'))
  },
  { needs: [root, cgroup2] },
)

test(
  'on the host a sandbox with a cgroup namespace is seen in its group',
  async (t) => {
    const child = await live(t, box())
    assert.match(
      readFileSync(`/proc/${child.pid}/cgroup`, 'utf8'),
      new RegExp(`^0::.*/cofferdam\\.${process.pid}\\.`, 'm'),
    )
  },
  { needs: [root, cgroup2] },
)

test.run()
