// Kernels from 5.4 on start processes in fewer ways: what is done otherwise there, and that nothing is lost by it.
import { existsSync } from 'node:fs'
import type { HostReport } from 'cofferdam'
import * as assert from 'uvu/assert'
import { type Refusal, unprivilegedCaller } from '../support/caller.js'
import { anyUser, cgroup2, command, controller, type Need, root } from '../support/host.js'
import { askOn, type Host } from '../support/hosts.js'
import { ASK, assertSound, row } from '../support/report.js'
import { suite } from '../support/suite.js'

const test = suite('old kernels', { warmUp: true })

const NEEDS: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv'), cgroup2]

// A filter with a listener is around all of these: the kernel gives a process no second one, so recipes have none.
const PRELUDE = `
  import('node:fs')
  const { readFileSync, readdirSync, openSync } = await import('node:fs')
  const open = () => box().seccomp('off')
  const without = (recipe) => args.includes('no-time') ? recipe.share('time') : recipe
  const groupOf = (pid) => readFileSync('/proc/' + pid + '/cgroup', 'utf8').split('\\n').find((line) => line.startsWith('0::')).slice(3)
`

const KERNELS: readonly [kernel: '5.4' | '5.6', args: string[], lost: string][] = [
  ['5.6', [], 'CLONE_INTO_CGROUP'],
  ['5.4', ['no-time'], 'CLONE_INTO_CGROUP, CLONE_CLEAR_SIGHAND and time namespaces'],
]

for (const [kernel, args, lost] of KERNELS) {
  for (const ordinary of [false, true]) {
    // An ordinary user may have no group of its own here; then there is nothing to be put in.
    const host: Host = { kernel, ordinary }
    test(
      `Linux ${kernel}, ${ordinary ? 'an ordinary user' : 'root'}: without ${lost} sandboxes start, and inherit nothing`,
      async () => {
        const answer = await askOn<{ exited: string; fds: string; again: string[]; signal: string }>(
          host,
          `${PRELUDE}
          for (let i = 0; i < 50; i++) openSync('/dev/null') // Node's own are not inherited, whatever their flag says
          process.on('SIGUSR2', () => {})
          const recipe = without(open())
          const fds = await recipe.run('/probe', ['fds'])
          const again = []
          for (let i = 0; i < 5; i++) again.push((await recipe.run('/true')).outcome)
          const child = await recipe.spawn('/probe', ['sleep', '60'])
          child.kill('SIGUSR2')
          return { exited: fds.outcome, fds: fds.stdout, again, signal: (await child.wait()).signal }`,
          ...args,
        )
        assert.is(answer.exited, 'exited')
        assert.equal(JSON.parse(answer.fds), JSON.parse(await fdsHere()))
        assert.equal(
          answer.again,
          Array.from({ length: 5 }, () => 'exited'),
        )
        assert.is(answer.signal, 'SIGUSR2', 'its disposition is the default one')
      },
      { needs: NEEDS, timeoutMs: 90_000 },
    )
  }

  test(
    `Linux ${kernel}: init and the command are in their groups all the same, from before the command is executed`,
    async () => {
      const answer = await askOn<{ child: string; leaf: string; init: string; root: string; boxed: string[] }>(
        { kernel },
        `${PRELUDE}
        const recipe = without(open())
        const child = await recipe.spawn('/probe', ['sleep', '60'])
        const [, parent] = /^PPid:\\t(\\d+)/m.exec(readFileSync('/proc/' + child.pid + '/status', 'utf8'))
        const own = await recipe.run('/probe', ['cgroup'])
        const told = { child: groupOf(child.pid), leaf: child.cgroup.path, init: groupOf(parent), root: own.stdout }
        const opened = await recipe.open()
        const boxed = await Promise.all([1, 2, 3].map(() => opened.run('/true')))
        await opened.close()
        child.kill('SIGKILL')
        await child.wait()
        return { ...told, boxed: boxed.map(({ outcome }) => outcome) }`,
        ...args,
      )
      assert.ok(answer.leaf.endsWith(answer.child), `${answer.leaf} and ${answer.child}`)
      assert.match(answer.child, /\/cofferdam\.[^/]+\/\d+$/)
      assert.is(answer.init, answer.child.replace(/\d+$/, 'init'))
      assert.match(answer.root, /^0::\/$/m)
      assert.equal(answer.boxed, ['exited', 'exited', 'exited'])
      assert.not(existsSync(answer.leaf))
    },
    { needs: NEEDS, timeoutMs: 90_000 },
  )

  test(
    `Linux ${kernel}: limits hold`,
    async () => {
      const answer = await askOn<unknown[]>(
        { kernel },
        `${PRELUDE}
        const recipe = without(open())
        const eaten = await recipe.limits({ memory: '16MiB' }).run('/probe', ['eat', String(64 * 2 ** 20)])
        const forked = await recipe.limits({ pids: 3 }).run('/probe', ['fork-n', '5'])
        const spun = await recipe.limits({ cpuTime: 100 }).run('/probe', ['spin'])
        return [eaten.outcome, JSON.parse(forked.stdout).error, spun.outcome]`,
        ...args,
      )
      assert.equal(answer, ['memory-limit', 'EAGAIN', 'cpu-time-limit'])
    },
    { needs: [...NEEDS, controller('memory'), controller('pids')], timeoutMs: 90_000 },
  )
}

test(
  'Linux 5.4 with a time namespace is refused at its step',
  async () => {
    const refused = await askOn<Refusal>({ kernel: '5.4' }, `return refusal(box().seccomp('off').run('/true'))`)
    assert.equal([refused.name, refused.step, refused.code], ['SandboxSetupError', 'clone', 'EINVAL'])
  },
  { needs: NEEDS },
)

test(
  'checkHost() tells what an old kernel costs, and that a sandbox without a filter would start',
  async () => {
    const report = await askOn<HostReport>({ kernel: '5.6' }, ASK)
    assertSound(report)
    for (const [name, cost] of [
      ['clone-into-cgroup', /moved into their cgroup v2 before they are executed/],
      ['close-range', /closed one by one/],
    ] as const) {
      const { works, required, cost: told } = row(report, name)
      assert.equal([works, required], [false, false], name)
      assert.match(told, cost)
    }
    assert.is(row(report, 'clone3').works, true)
    assert.is(row(report, 'namespaces.user').works, true)
  },
  { needs: NEEDS, timeoutMs: 90_000 },
)

for (const answer of ['ENOSYS', 'EPERM'] as const) {
  test(
    `a filter around us that answers ${answer} to close_range costs nothing but time, and nothing is inherited`,
    async () => {
      const body = `
        const { openSync } = await import('node:fs')
        for (let i = 0; i < 50; i++) openSync('/dev/null')
        return (await box().run('/probe', ['fds'])).stdout`
      const fds = await askOn<string>({ filter: [answer, 'close_range'] }, body)
      assert.equal(JSON.parse(fds), JSON.parse(await fdsHere()))
    },
    { needs: NEEDS },
  )
}

/** The descriptors of a command on this host. */
async function fdsHere(): Promise<string> {
  const { box } = await import('../support/boxes.js')
  return (await box().run('/probe', ['fds'])).stdout
}

test.run()
