// A caller without any privilege, in a cgroup v2 group that was handed to it: all limits, below its own group.
import { chownSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { CALLER, unprivilegedCaller } from '../support/caller.js'
import { runNode } from '../support/child.js'
import { command, root } from '../support/host.js'
import { cgroupV2 } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('delegation', { warmUp: true })
const options = { only: cgroupV2, needs: [root, unprivilegedCaller, command('setpriv')], timeoutMs: 40_000 }

const MOUNT = '/sys/fs/cgroup'
const CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids']

/** What systemd does for Delegate=yes: the group, and the files in it that move processes, are the caller's. */
function handOver(directory: string): void {
  for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'])
    chownSync(join(directory, name), CALLER, CALLER)
}

/** A group of the caller's with a leaf `main` in it, both removed after the test. */
function delegate(t: TestContext): string {
  const enabled = readFileSync(join(MOUNT, 'cgroup.subtree_control'), 'utf8').split(/\s+/)
  for (const name of CONTROLLERS)
    if (!enabled.includes(name)) writeFileSync(join(MOUNT, 'cgroup.subtree_control'), `+${name}`)
  const group = join(MOUNT, `delegated-${process.pid}`)
  for (const directory of [group, join(group, 'main')]) {
    mkdirSync(directory)
    handOver(directory)
    t.cleanUp(() => remove(directory))
  }
  return group
}

/** A group whose last process is still dying answers EBUSY. */
async function remove(directory: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return rmdirSync(directory)
    } catch (error) {
      if (attempt === 100) throw error
      await sleep(20)
    }
  }
}

/** The body of an async function, run as the caller by a Node in this group; it answers with what it returns. */
async function inGroup<T>(group: string, body: string): Promise<T> {
  const source = `
    import { sandbox } from 'cofferdam'
    const box = sandbox().rootfs(process.argv[1])
    const answer = await (async () => { ${body} })()
    process.stdout.write(JSON.stringify(answer))`
  const asCaller = `setpriv --reuid=${CALLER} --regid=${CALLER} --clear-groups`
  const { code, stdout, stderr } = await runNode(source, {
    before: `echo $$ > ${group}/cgroup.procs && set -- ${asCaller} "$@"`,
    args: [probeRootfs],
  })
  if (code !== 0) throw new Error(`The caller ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

test(
  'every limit works, and holds',
  async (t) => {
    const group = delegate(t)
    const answers = await inGroup<unknown[]>(
      join(group, 'main'),
      `const eaten = await box.limits({ memory: '16MiB' }).run('/probe', ['eat', String(64 * 2 ** 20)])
       const forked = await box.limits({ pids: 3 }).run('/probe', ['fork-n', '5'])
       const spun = await box.limits({ cpuTime: 100 }).run('/probe', ['spin'])
       const bound = await box.limits({ cpuset: [0], cpu: 0.5 }).priority({ cpuWeight: 50 }).run('/probe', ['affinity'])
       return [eaten.outcome, JSON.parse(forked.stdout), spun.outcome, JSON.parse(bound.stdout), spun.usage.pidsPeak]`,
    )
    assert.equal(answers, ['memory-limit', { forked: 2, error: 'EAGAIN' }, 'cpu-time-limit', [0], 1])
  },
  options,
)

test(
  'the groups of sandboxes are made below the delegated one, so that its own limits count',
  async (t) => {
    const group = delegate(t)
    writeFileSync(join(group, 'memory.max'), String(128 * 2 ** 20))
    writeFileSync(join(group, 'pids.max'), '40')
    const { path, outcome } = await inGroup<{ path: string; outcome: string }>(
      join(group, 'main'),
      `const child = await box.limits({ memory: '1GiB' }).spawn('/probe', ['eat', String(256 * 2 ** 20)])
       return { path: child.cgroup.path, outcome: (await child.wait()).signal }`,
    )
    assert.ok(path.startsWith(`${group}/cofferdam.`), path)
    assert.is(outcome, 'SIGKILL')
  },
  options,
)

test(
  'who sits in the delegated group itself is told to sit in a leaf of it',
  async (t) => {
    const group = delegate(t)
    const error = await inGroup<Record<string, string>>(
      group,
      `const error = await box.limits({ memory: '16MiB' }).run('/true').catch((error) => error)
       return { name: error.name, feature: error.feature, hint: error.hint, message: error.message }`,
    )
    assert.is(error.name, 'SandboxUnsupportedError')
    assert.is(error.feature, 'limits.memory')
    assert.match(error.message ?? '', 'this process is in that group itself')
    assert.match(error.hint ?? '', 'leaf of a delegated group')
  },
  options,
)

test.run()
