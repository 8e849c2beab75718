// Callers that are not root, and cgroups: limits hold in a group that was delegated; without one they are refused by name.
import { chmodSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { callerSuite, type Refusal } from '../support/caller.js'
import { delegate } from '../support/delegated.js'
import { cgroup2, controller, root } from '../support/host.js'
import { cgroupV1 } from '../support/kinds.js'
import { asGranted, GRANTED, subordinateIds } from '../support/subordinate.js'

const test = callerSuite('rootless limits')

const LIMITS = `{
  'limits.memory': { memory: '64MiB' },
  'limits.pids': { pids: 4 },
  'limits.cpu': { cpu: 0.5 },
  'limits.cpuTime': { cpuTime: '1s' },
  'limits.cpuset': { cpuset: '0' },
  'limits.io': { io: { device: '8:0', readBps: '1MiB' } },
}`

for (const map of ['never', 'always']) {
  const ids = map === 'always' ? 'a full map' : 'a map of one id'
  const options = `.subordinateIds('${map}')`
  const more = map === 'always' ? subordinateIds : [root]

  test(
    `without a group that it may write to, each limit by cgroup is refused by name and with the remedy: ${ids}`,
    async (t) => {
      const refusals = await asGranted<Record<string, Refusal>>(
        t,
        GRANTED,
        `const entries = Object.entries(${LIMITS}).map(async ([name, limits]) =>
          [name, await refusal(box()${options}.limits(limits).run('/true'))])
        return Object.fromEntries(await Promise.all(entries))`,
      )
      assert.is(Object.keys(refusals).length, 6)
      for (const [feature, refusal] of Object.entries(refusals)) {
        assert.equal([refusal.name, refusal.feature], ['SandboxUnsupportedError', feature])
        assert.match(
          refusal.hint ?? '',
          /systemd-run.*Delegate=yes|systemd delegates no cgroup v1.*chown/,
          JSON.stringify(refusal),
        )
      }
    },
    { needs: more },
  )

  test(
    `in a delegated v2 group CPU time is measured and limited, and a sandbox frozen and ended: ${ids}`,
    async (t) => {
      const group = delegate(t, '')
      const seen = await asGranted<Record<string, unknown>>(
        t,
        { ...GRANTED, before: group.enter },
        `const { setTimeout: sleep } = await import('node:timers/promises')
        const recipe = box()${options}
        const limited = await recipe.limits({ cpuTime: 200 }).run('/probe', ['spin'])
        const child = await recipe.spawn('/probe', ['spin-children', '2'])
        await sleep(100)
        await child.freeze()
        const before = (await child.stats()).cpuTimeMs
        await sleep(200)
        const after = (await child.stats()).cpuTimeMs
        await child.thaw()
        const path = child.cgroup.path
        await child[Symbol.asyncDispose]()
        const tree = await recipe.share('pid').run('/probe', ['orphan', '1000'])
        return {
          outcome: limited.outcome, cpuMs: limited.usage.cpuTimeMs, moved: after - before, path,
          disposed: (await child.wait()).outcome, tree: tree.outcome,
          inside: (await ask(recipe, 'cgroup'))[0],
        }`,
      )
      const { outcome, cpuMs, moved, path, disposed, tree } = seen
      assert.equal([outcome, moved, disposed, tree], ['cpu-time-limit', 0, 'aborted', 'exited'])
      assert.ok(Number(cpuMs) >= 200 && Number(cpuMs) < 1000, `${cpuMs} ms`)
      assert.ok(String(path).startsWith(`${group.path}/cofferdam.`), String(path))
    },
    { needs: [...more, cgroup2] },
  )

  test(
    `in a delegated v1 group the number of processes is limited: ${ids}`,
    async (t) => {
      const groups = [delegate(t, ''), delegate(t, 'pids')]
      const [[forks], outcome] = await asGranted<[[{ forked: number; error: string }], string]>(
        t,
        { ...GRANTED, before: groups.map(({ enter }) => enter).join(' && ') },
        `const recipe = box()${options}.limits({ pids: 4 })
        return [await ask(recipe, 'fork-n 10'), (await recipe.run('/probe', ['fork-first'])).outcome]`,
      )
      assert.equal(forks, { forked: 3, error: 'EAGAIN' })
      assert.is(outcome, 'exited')
    },
    { needs: [...more, cgroup2, controller('pids')], only: cgroupV1 },
  )

  test(
    `in a delegated v1 group memory is limited: ${ids}`,
    async (t) => {
      const groups = [delegate(t, ''), delegate(t, 'memory')]
      const { outcome, peak } = await asGranted<{ outcome: string; peak: number }>(
        t,
        { ...GRANTED, before: groups.map(({ enter }) => enter).join(' && ') },
        `const { outcome, usage } = await box()${options}.limits({ memory: '16MiB' }).run('/probe', ['eat', '67108864'])
        return { outcome, peak: usage.memoryPeakBytes }`,
      )
      assert.is(outcome, 'memory-limit')
      assert.ok(peak > 8 * 2 ** 20 && peak <= 16 * 2 ** 20, `${peak}`)
    },
    { needs: [...more, cgroup2, controller('memory')], only: cgroupV1 },
  )
}

test(
  'outside a pid namespace init cannot be signalled by the command, whose id it has',
  async (t) => {
    const group = delegate(t, '')
    const outputs = await asGranted<string[]>(
      t,
      { ...GRANTED, before: group.enter },
      `return Promise.all([0, 1000].map(async (id) => {
        const recipe = sandbox().share('pid').user(id).subordinateIds('always').limits({ wallTime: '5s' })
        const { stdout, outcome } = await recipe.run('sh', ['-c', 'kill -9 $PPID; kill -STOP $PPID; echo alive'])
        return outcome + ' ' + stdout
      }))`,
    )
    assert.equal(outputs, ['exited alive\n', 'exited alive\n'])
  },
  { needs: [...subordinateIds, cgroup2] },
)

test(
  'a command that is not the owner of its groups cannot change its limits, not even in namespaces within',
  async (t) => {
    const groups = [delegate(t, ''), delegate(t, 'pids')]
    // CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP
    const within = 0x10000000 | 0x20000 | 0x2000000
    const answers = await asGranted<string[][]>(
      t,
      { ...GRANTED, before: groups.map(({ enter }) => enter).join(' && ') },
      `const recipe = box().seccomp('off').subordinateIds('always', { callerId: 0 }).limits({ pids: 10 })
      const open = (...files) => files.map((file) => 'try-open-writable /tmp/' + file)
      return [
        await ask(recipe, 'try-unshare ${within}', 'try-mount /tmp cgroup2', ...open('cgroup.procs', 'cgroup.freeze', 'cgroup.subtree_control')),
        await ask(recipe, 'try-unshare ${within}', 'try-mount /tmp cgroup pids', ...open('pids.max', 'cgroup.procs')),
      ]`,
    )
    const seen = answers.filter(([unshared, mounted]) => unshared === 'ok' && mounted === 'ok')
    if (seen.length === 0) t.skip('needs control groups that can be mounted in a user namespace')
    for (const [, , ...opened] of seen) assert.equal(new Set(opened), new Set(['EACCES']))
  },
  { needs: [...subordinateIds, cgroup2, controller('pids')], only: cgroupV1 },
)

test(
  'a limit whose controller was not delegated is refused, beside one that was',
  async (t) => {
    const groups = [delegate(t, ''), delegate(t, 'pids')]
    const [refused, allowed] = await asGranted<[Refusal, boolean]>(
      t,
      { before: groups.map(({ enter }) => enter).join(' && ') },
      `return [await refusal(box().limits({ memory: '64MiB', pids: 4 }).run('/true')), (await box().limits({ pids: 4 }).run('/true')).ok]`,
    )
    assert.equal([refused.name, refused.feature, allowed], ['SandboxUnsupportedError', 'limits.memory', true])
  },
  { needs: [root, cgroup2, controller('pids'), controller('memory')], only: cgroupV1 },
)

test(
  'a delegated group that was taken away again is a failure of that step, and the caller lives on',
  async (t) => {
    const group = delegate(t, '')
    const directory = t.tempDir()
    chmodSync(directory, 0o777)
    // Once the caller has found it, it is root's again; the shell stays in it.
    const taken = `until [ -e ${directory}/found ]; do sleep 0.05; done; chown 0:0 ${group.path}/cgroup.procs ${group.path}`
    const [error, after] = await asGranted<[Refusal, boolean]>(
      t,
      { before: `${group.enter} && { (${taken}) & }` },
      `const { statSync, writeFileSync } = await import('node:fs')
      sandbox().plan()
      writeFileSync('${directory}/found', '')
      while (statSync('${group.path}').uid !== 0) await new Promise((done) => setTimeout(done, 20))
      return [await refusal(box().run('/true')), (await box().share('pid').plan()).cgroups.length > 0]`,
    )
    assert.equal([error.name, error.step, error.code, after], ['SandboxSetupError', 'cgroup', 'EACCES', true])
    assert.match(error.hint ?? '', /Delegate=yes/)
  },
  { needs: [root, cgroup2] },
)

test.run()
