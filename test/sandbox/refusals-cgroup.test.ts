// Cgroups that are refused, spoilt or taken away: typed errors with a remedy, no leak, and other sandboxes unharmed.
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxSetupError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, spawnProbe } from '../support/boxes.js'
import { CALLER, type Refusal, unprivilegedCaller } from '../support/caller.js'
import { anyUser, cgroup2, command, controller, type Need, root } from '../support/host.js'
import { askOn } from '../support/hosts.js'
import { setupFailure } from '../support/inside.js'
import { cgroupV1, cgroupV2 } from '../support/kinds.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'
import { drainStock } from '../support/warm-up.js'

const test = suite('refused cgroups', { warmUp: true })

const NEEDS: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]

/** Mount points of cgroup hierarchies, the v2 one or all of them. */
function cgroupMounts(type = 'cgroup2?'): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.filter((line) => new RegExp(` - ${type} `).test(line)).map((line) => line.split(' ')[4] ?? '')
}

const READ_ONLY = () =>
  cgroupMounts()
    .map((path) => `mount -o remount,bind,ro ${path}`)
    .join(' && ')

test(
  'on a read-only cgroupfs limits are refused by name with the remedy, and what needs none works',
  async () => {
    const body = `
      return {
        limited: await refusal(box().limits({ memory: '64MiB' }).run('/true')),
        pids: await refusal(box().limits({ pids: 5 }).run('/true')),
        plain: await refusal(box().limits({ wallTime: '5s' }).run('/true')),
      }`
    const { limited, pids, plain } = await askOn<Record<string, Refusal>>({ prepare: READ_ONLY() }, body)
    for (const [refused, feature] of [
      [limited, 'limits.memory'],
      [pids, 'limits.pids'],
    ] as const) {
      assert.equal([refused?.name, refused?.feature], ['SandboxUnsupportedError', feature])
      assert.match(refused?.message ?? '', /No groups can be made in \S+: it is mounted read-only\./)
      assert.match(refused?.hint ?? '', /`mount -o remount,rw \/sys\/fs\/cgroup`/)
    }
    assert.is(plain?.name, 'none', plain?.message)
  },
  { needs: [...NEEDS, controller('memory'), controller('pids')] },
)

test(
  'a cgroupfs that turns read-only afterwards is EROFS at step cgroup, with the remedy',
  async () => {
    const body = `
      const { execFileSync } = await import('node:child_process')
      const { setTimeout: sleep } = await import('node:timers/promises')
      const before = await refusal(box().run('/true'))
      await sleep(1800) // the group of this process goes with the last waiting init, and has to be made again
      for (const path of args) execFileSync('mount', ['-o', 'remount,bind,ro', path])
      return { before, after: await refusal(box().run('/true')) }`
    const { before, after } = await askOn<Record<string, Refusal>>({}, body, ...cgroupMounts())
    assert.is(before?.name, 'none', before?.message)
    assert.equal([after?.step, after?.code], ['cgroup', 'EROFS'])
    assert.match(after?.hint ?? '', /`mount -o remount,rw \/sys\/fs\/cgroup`/)
  },
  { needs: [...NEEDS, cgroup2] },
)

test(
  'a controller that no hierarchy has is named, with how to get it',
  async () => {
    const v1 = cgroupMounts('cgroup').filter((path) => /memory/.test(path))
    const unmount = v1.map((path) => `umount ${path}`).join(' && ')
    const refused = await askOn(
      { prepare: unmount || ':' },
      `return refusal(box().limits({ memory: '64MiB' }).run('/true'))`,
    )
    assert.equal([refused.name, refused.feature], ['SandboxUnsupportedError', 'limits.memory'])
    assert.match(refused.message ?? '', /no mounted cgroup hierarchy has the memory controller/)
    assert.match(refused.hint ?? '', /Boot a kernel with it, mount it, or have it delegated/)
  },
  { needs: NEEDS, only: cgroupV1 },
)

test(
  'a controller that the group above does not hand on is named, with how to get it; what is handed on works',
  async (t) => {
    const [v2 = ''] = cgroupMounts('cgroup2')
    const above = `${v2}/refusals-above.${process.pid}`
    // Last in, first out: each is empty when it is removed.
    const make = (path: string) => {
      mkdirSync(path)
      t.cleanUp(() => removeEmpty(path))
    }
    make(above)
    for (const name of ['memory', 'pids']) writeFileSync(`${v2}/cgroup.subtree_control`, `+${name}`)
    writeFileSync(`${above}/cgroup.subtree_control`, '+pids')
    const own = `${above}/own`
    for (const path of [own, `${own}/main`]) {
      make(path)
      for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control']) chownSync(join(path, name), CALLER, CALLER)
    }
    const { memory, pids } = await askOn<Record<string, Refusal>>(
      { ordinary: true, prepare: `echo $$ > ${own}/main/cgroup.procs` },
      `return {
        memory: await refusal(box().limits({ memory: '64MiB' }).run('/true')),
        pids: await refusal(box().limits({ pids: 5 }).run('/true')),
      }`,
    )
    assert.equal([memory?.name, memory?.feature], ['SandboxUnsupportedError', 'limits.memory'])
    assert.match(memory?.message ?? '', /no mounted cgroup hierarchy has the memory controller for us/)
    assert.match(memory?.hint ?? '', /have it delegated/)
    assert.is(pids?.name, 'none', pids?.message)
  },
  { needs: NEEDS, only: cgroupV2 },
)

/** The library's helper leaves last, after its Node process. */
async function removeEmpty(path: string): Promise<void> {
  for (const deadlineMs = performance.now() + atMost(5000); ; await sleep(20)) {
    try {
      return rmdirSync(path)
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
    }
  }
}

test(
  'a user who may not write to the hierarchy is told so',
  async () => {
    const refused = await askOn({ ordinary: true }, `return refusal(box().limits({ pids: 5 }).run('/true'))`)
    assert.equal([refused.name, refused.feature], ['SandboxUnsupportedError', 'limits.pids'])
    assert.match(refused.message ?? '', /this user may not write to it/)
  },
  { needs: [...NEEDS, controller('pids')] },
)

/** Takes the group of this process away as soon as it is idle. */
async function removeGroup(leaf: string): Promise<void> {
  drainStock() // inits that wait live in it
  const group = dirname(leaf)
  const deadlineMs = performance.now() + 200 // the library itself removes it after 250
  for (;;) {
    try {
      for (const name of readdirSync(group, { withFileTypes: true }))
        if (name.isDirectory()) rmdirSync(`${group}/${name.name}`)
      rmdirSync(group)
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(1)
    }
  }
}

async function ranInGroup(t: TestContext, recipe: Sandbox): Promise<readonly string[]> {
  const child = await spawnProbe(t, recipe, ['say', 'x'])
  await child.wait()
  await child.closed
  return child.cgroup.paths
}

for (const [which, recipe, pick, options] of [
  ['v2 group', () => box(), 0, { needs: [root, cgroup2] }],
  ['v1 group', () => box({ pids: 5 }), 1, { needs: [root, cgroup2, controller('pids')], only: cgroupV1 }],
] as const) {
  test(
    `a ${which} that is removed behind our back is one typed error, and the next sandbox has a new one`,
    async (t) => {
      const leaf = (await ranInGroup(t, recipe()))[pick] ?? ''
      await removeGroup(leaf)
      const error = await setupFailure(recipe().run('/true'))
      assert.ok(['cgroup', 'clone'].includes(error.step), error.step)
      assert.ok(['ENOENT', 'ENODEV'].includes(error.code), error.code)
      assert.match(error.hint ?? '', /cgroup was removed from outside/)
      for (let i = 0; i < 3; i++) assert.is((await recipe().run('/true')).outcome, 'exited')
    },
    options,
  )
}

test(
  'a leaf that is removed while its sandbox ends does no harm',
  async (t) => {
    for (let i = 0; i < 20; i++) {
      const child = await spawnProbe(t, box(), ['sleep', '60'])
      const { path = '' } = child.cgroup
      child.kill('SIGKILL')
      while (existsSync(path)) {
        try {
          rmdirSync(path)
        } catch {
          await sleep(0)
        }
      }
      assert.is((await child.wait()).signal, 'SIGKILL')
      await child.closed
    }
  },
  { needs: [root, cgroup2] },
)

test(
  'a leaf with a limit of no more groups below is EAGAIN at step cgroup, and a live sandbox goes on',
  async (t) => {
    const steady = await spawnProbe(t, box(), ['say', 'ready', ',', 'sleep', '60'])
    await firstText(steady.stdout)
    const group = dirname(steady.cgroup.path ?? '')
    writeFileSync(`${group}/cgroup.max.descendants`, '2') // the leaf of the inits, and that of `steady`
    const error = await setupFailure(box().run('/true'))
    writeFileSync(`${group}/cgroup.max.descendants`, 'max')
    assert.equal([error.step, error.code], ['cgroup', 'EAGAIN'])
    assert.match(error.hint ?? '', /cgroup\.max\.descendants/)
    assert.is((await box().run('/true')).outcome, 'exited')
    assert.ok(steady.kill('SIGTERM'))
    assert.is((await steady.wait()).signal, 'SIGTERM')
  },
  { needs: [root, cgroup2] },
)

test(
  'a group around ours that permits no groups is EAGAIN at step cgroup, and nothing is left in it',
  async (t) => {
    const [v2 = ''] = cgroupMounts('cgroup2')
    const group = `${v2}/refusals-test.${process.pid}`
    mkdirSync(group)
    t.cleanUp(async () => {
      for (let i = 0; existsSync(group) && i < 200; i++) {
        try {
          rmdirSync(group)
        } catch {
          await sleep(10)
        }
      }
    })
    for (const [most, what] of [
      ['0', 'no group at all'],
      ['1', 'a group, but nothing in it'],
    ]) {
      writeFileSync(`${group}/cgroup.max.descendants`, most as string)
      const prepare = `echo $$ > ${group}/cgroup.procs`
      const refused = await askOn({ prepare }, `return refusal(box().run('/true'))`)
      assert.equal([refused.step, refused.code], ['cgroup', 'EAGAIN'], `${what}: ${JSON.stringify(refused)}`)
      assert.match(refused.hint ?? '', /cgroup\.max\.descendants and cgroup\.max\.depth/)
    }
    const deadlineMs = performance.now() + 2000
    const below = () => readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    while (below().length > 0 && performance.now() < deadlineMs) await sleep(10)
    assert.equal(below(), [])
  },
  { needs: [...NEEDS, cgroup2] },
)

test(
  'a hundred sandboxes at once, whose group permits ten, are ten results and errors of one kind',
  async (t) => {
    const steady = await spawnProbe(t, box(), ['sleep', '60'])
    const group = dirname(steady.cgroup.path ?? '')
    writeFileSync(`${group}/cgroup.max.descendants`, '12')
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => box().run('/probe', ['sleep', '1'])))
    writeFileSync(`${group}/cgroup.max.descendants`, 'max')
    const errors = all.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    assert.ok(errors.length >= 1 && errors.length < 100, `${errors.length} errors`)
    for (const error of errors) {
      assert.instance(error, SandboxSetupError)
      assert.equal([error.step, error.code], ['cgroup', 'EAGAIN'])
    }
    steady.kill('SIGKILL')
    await steady.wait()
  },
  { needs: [root, cgroup2], timeoutMs: 60_000 },
)

test.run()
