// delegateCgroup(): a program that sits in the very group it was given moves itself into a leaf, and its sandboxes have limits.
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { delegateCgroup } from 'cofferdam'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { CALLER, unprivilegedCaller } from '../support/caller.js'
import { type NodeOptions, runNode } from '../support/child.js'
import { delegate } from '../support/delegated.js'
import { cgroup2, cgroupMounts, command, root } from '../support/host.js'
import { cgroupV1, cgroupV2 } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('delegateCgroup', { warmUp: true })
const options = { only: cgroupV2, needs: [root, unprivilegedCaller, command('setpriv')], timeoutMs: 40_000 }
const CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids']
const AS_CALLER = `setpriv --reuid=${CALLER} --regid=${CALLER} --clear-groups`
// A container's view: its cgroup namespace begins at the group, and that is all of the hierarchy it has mounted.
const CONTAINED =
  'unshare --cgroup --mount sh -c \'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"\' sh'

/** A group of the caller's, with every controller, in which nobody is. */
function group(t: TestContext): string {
  const [mount] = cgroupMounts().filter(({ type }) => type === 'cgroup2')
  const file = join(mount?.path ?? '', 'cgroup.subtree_control')
  const enabled = readFileSync(file, 'utf8').split(/\s+/)
  for (const name of CONTROLLERS) if (!enabled.includes(name)) writeFileSync(file, `+${name}`)
  const { path } = delegate(t, '')
  t.cleanUp(async () => {
    for (let i = 0; existsSync(join(path, 'main')) && i < 200; i++) {
      try {
        rmdirSync(join(path, 'main'))
      } catch {
        await sleep(20)
      }
    }
  })
  return path
}

/** The library's helper leaves last, after its Node process. */
async function released(path: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 1')) {
    if (performance.now() > deadlineMs) throw new Error(`${path} is still populated`)
    await sleep(20)
  }
}

interface Where {
  readonly contained?: boolean
  readonly asRoot?: boolean
  /** Shell commands of root's before, in the group. */
  readonly before?: string
}

/** The body of an async function, run by a Node that sits in this group. */
async function inside<T>(group: string, body: string, where: Where = {}): Promise<T> {
  const source = `
    import { delegateCgroup, sandbox } from 'cofferdam'
    import { readFileSync } from 'node:fs'
    const box = sandbox().rootfs(process.argv[1])
    const own = () => readFileSync('/proc/self/cgroup', 'utf8').trim().slice(3)
    const refusal = (promise) => promise.then(
      () => ({ name: 'none' }), ({ name, feature, message, hint }) => ({ name, feature, message, hint }))
    const answer = await (async () => { ${body} })()
    process.stdout.write(JSON.stringify(answer))`
  const { contained = false, asRoot = false, before = ':' } = where
  const words = [...(contained ? [CONTAINED] : []), ...(asRoot ? [] : [AS_CALLER])].join(' ')
  const node: NodeOptions = {
    before: `echo $$ > ${group}/cgroup.procs && { ${before}; } && set -- ${words} "$@"`,
    args: [probeRootfs],
  }
  const { code, stdout, stderr } = await runNode(source, node)
  if (code !== 0) throw new Error(`Node ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

const EVERY_LIMIT = `
  const eaten = await box.limits({ memory: '16MiB' }).run('/probe', ['eat', String(64 * 2 ** 20)])
  const forked = await box.limits({ pids: 3 }).run('/probe', ['fork-n', '5'])
  const spun = await box.limits({ cpuTime: 100 }).run('/probe', ['spin'])
  const bound = await box.limits({ cpuset: [0], cpu: 0.5 }).priority({ cpuWeight: 50 }).run('/probe', ['affinity'])
  const limits = [eaten.outcome, JSON.parse(forked.stdout).error, spun.outcome, JSON.parse(bound.stdout)]`
const HELD = ['memory-limit', 'EAGAIN', 'cpu-time-limit', [0]]

for (const [who, where] of [
  ['an ordinary user in a scope of its own', {}],
  ['root in a scope of its own', { asRoot: true }],
  ['an ordinary user in a container whose cgroup namespace begins at its group', { contained: true }],
  ['root in a container whose cgroup namespace begins at its group', { contained: true, asRoot: true }],
] as const) {
  test(
    `${who}: is refused limits, moves itself, and every limit holds`,
    async (t) => {
      const path = group(t)
      const answer = await inside<Record<string, unknown>>(
        path,
        `const before = own()
         const first = await refusal(box.limits({ memory: '16MiB' }).run('/true'))
         const delegation = await delegateCgroup({ moveSelf: true })
         ${EVERY_LIMIT}
         return { before, first, delegation, limits, after: own(), again: await delegateCgroup({ moveSelf: true }) }`,
        where,
      )
      const { first, delegation, again } = answer as Record<string, Record<string, unknown>>
      assert.equal([first?.name, first?.feature], ['SandboxUnsupportedError', 'limits.memory'])
      assert.match(String(first?.hint), /await delegateCgroup\(\{ moveSelf: true \}\)/)
      const base = 'contained' in where ? '/sys/fs/cgroup' : path
      assert.equal([delegation?.moved, delegation?.base, delegation?.path], [true, base, `${base}/main`])
      for (const name of CONTROLLERS)
        assert.ok(Array.from((delegation?.controllers as string[]) ?? []).includes(name), name)
      assert.equal(again, { ...delegation, moved: false })
      assert.equal(answer.limits, HELD)
      assert.is(answer.after, `${answer.before === '/' ? '' : answer.before}/main`)
    },
    options,
  )
}

test(
  'what limits the group from outside still counts, for the program and for its sandboxes',
  async (t) => {
    const path = group(t)
    writeFileSync(join(path, 'memory.max'), String(256 * 2 ** 20))
    const answer = await inside<{ path: string; signal: string; within: boolean }>(
      path,
      `await delegateCgroup({ moveSelf: true })
       const child = await box.limits({ memory: '1GiB' }).spawn('/probe', ['eat', String(512 * 2 ** 20)])
       const within = readFileSync('/proc/self/cgroup', 'utf8').includes('/main')
       return { path: child.cgroup.path, signal: (await child.wait()).signal, within }`,
    )
    assert.ok(answer.path.startsWith(`${path}/cofferdam.`), answer.path)
    assert.equal([answer.signal, answer.within], ['SIGKILL', true])
  },
  options,
)

test(
  'other processes in the group are named and nobody is moved; once they have gone it works',
  async (t) => {
    const path = group(t)
    const answer = await inside<{ refused: Record<string, string>; own: boolean; leaf: boolean; after: boolean }>(
      path,
      `const { spawn } = await import('node:child_process')
       const { existsSync } = await import('node:fs')
       const before = own()
       const other = spawn('sleep', ['60'])
       const refused = await refusal(delegateCgroup({ moveSelf: true }))
       refused.pid = String(other.pid)
       const answer = { refused, own: own() === before, leaf: existsSync('${path}/main') }
       other.kill('SIGKILL')
       await new Promise((done) => other.once('exit', done))
       return { ...answer, after: (await delegateCgroup({ moveSelf: true })).moved }`,
    )
    const { refused } = answer
    assert.equal([refused.name, refused.feature], ['SandboxUnsupportedError', 'delegateCgroup()'])
    assert.match(refused.message ?? '', `only this one may be moved: ${refused.pid} (sleep).`)
    assert.match(refused.hint ?? '', `mkdir ${path}/main && for p in $(cat ${path}/cgroup.procs)`)
    assert.equal([answer.own, answer.leaf, answer.after], [true, false, true])
  },
  options,
)

test(
  'sandboxes that run already go on, and new ones have limits; the helper that cleans up comes along',
  async (t) => {
    const path = group(t)
    const answer = await inside<unknown[]>(
      path,
      `const steady = await box.spawn('/probe', ['say', 'ready', ',', 'sleep', '60'])
       const opened = await box.open()
       await new Promise((done) => steady.stdout.once('data', done))
       const { moved } = await delegateCgroup({ moveSelf: true })
       const eaten = await box.limits({ memory: '16MiB' }).run('/probe', ['eat', String(64 * 2 ** 20)])
       const inOpened = await opened.run('/true')
       await opened.close()
       steady.kill('SIGTERM')
       return [moved, eaten.outcome, inOpened.outcome, (await steady.wait()).signal,
         readFileSync('${path}/cgroup.procs', 'utf8')]`,
    )
    assert.equal(answer, [true, 'memory-limit', 'exited', 'SIGTERM', ''])
  },
  options,
)

test(
  'called twice at once it moves once, and in a worker it tells where the process is',
  async (t) => {
    const path = group(t)
    const answer = await inside<unknown[]>(
      path,
      `const { Worker } = await import('node:worker_threads')
       const both = await Promise.all([1, 2].map(() => delegateCgroup({ moveSelf: true })))
       const worker = new Worker(\`
         import('cofferdam').then(({ delegateCgroup }) => delegateCgroup({ moveSelf: true }))
           .then((told) => require('node:worker_threads').parentPort.postMessage(told))\`, { eval: true, execArgv: [] })
       const told = await new Promise((done, fail) => worker.once('message', done).once('error', fail))
       return [both.map(({ moved }) => moved), told.moved, told.path]`,
    )
    assert.equal(answer, [[true, false], false, join(path, 'main')])
  },
  options,
)

test(
  'a leaf that is there is taken if it is the user’s; if not, the refusal says so, and nobody is moved',
  async (t) => {
    const path = group(t)
    for (const name of ['mine', 'not-mine']) {
      mkdirSync(join(path, name))
      t.cleanUp(() => rmdirSync(join(path, name)))
    }
    for (const name of ['', 'cgroup.procs']) chownSync(join(path, 'mine', name), CALLER, CALLER)
    const answer = await inside<{ refused: Record<string, string>; same: boolean; path: string; limited: string }>(
      path,
      `const before = own()
       const refused = await refusal(delegateCgroup({ moveSelf: true, leaf: 'not-mine' }))
       const same = own() === before
       const { path } = await delegateCgroup({ moveSelf: true, leaf: 'mine' })
       return { refused, same, path, limited: (await box.limits({ pids: 5 }).run('/true')).outcome }`,
    )
    assert.match(answer.refused.message ?? '', /cannot be moved to \S+\/not-mine \(EACCES\)/)
    assert.match(answer.refused.hint ?? '', /delegated to this user/)
    assert.equal([answer.same, answer.path, answer.limited], [true, join(path, 'mine'), 'exited'])
    await released(path)
  },
  options,
)

test(
  'a group that permits no groups in it is refused with the remedy, and this process stays',
  async (t) => {
    const path = group(t)
    writeFileSync(join(path, 'cgroup.max.descendants'), '0')
    const { refused, same } = await inside<{ refused: Record<string, string>; same: boolean }>(
      path,
      `const before = own()
       return { refused: await refusal(delegateCgroup({ moveSelf: true })), same: own() === before }`,
    )
    assert.equal([refused.name, refused.feature, same], ['SandboxUnsupportedError', 'delegateCgroup()', true])
    assert.match(refused.message ?? '', /main cannot be made \(EAGAIN\)/)
    assert.match(refused.hint ?? '', /cgroup\.max\.descendants/)
  },
  options,
)

test(
  'without a group that this user may write to it is refused like the limits',
  async () => {
    const refused = await inside<Record<string, string>>(
      cgroupMounts().find(({ type }) => type === 'cgroup2')?.path ?? '',
      `return refusal(delegateCgroup({ moveSelf: true }))`,
    )
    assert.equal([refused.name, refused.feature], ['SandboxUnsupportedError', 'delegateCgroup()'])
    assert.match(refused.message ?? '', /this user may not write to it/)
    assert.match(refused.hint ?? '', /systemd-run --user/)
  },
  options,
)

test(
  'where the controllers are on cgroup v1 nothing is in the way, and nothing is moved',
  async () => {
    const before = readFileSync('/proc/self/cgroup', 'utf8')
    const { moved, base, path, controllers } = await delegateCgroup({ moveSelf: true })
    assert.equal([moved, base, controllers], [false, path, []])
    assert.is(readFileSync('/proc/self/cgroup', 'utf8'), before)
  },
  { only: cgroupV1, needs: cgroup2 },
)

test.run()
