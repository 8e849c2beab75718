// Whatever becomes of init, a call that is a violation is not made; and profiles of a caller's own on the real kernel.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SandboxProcess, SandboxSetupError, type SeccompProfile, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { hostMachine } from '../../src/seccomp/filter.js'
import { syscallNumbers } from '../../src/seccomp/tables.js'
import { box, firstText, probeRootfs } from '../support/boxes.js'
import { asCaller, unprivilegedCaller } from '../support/caller.js'
import { runNode } from '../support/child.js'
import { cgroup2, root } from '../support/host.js'
import { seccompFixture } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('seccomp and init', { warmUp: true })

const numbers = syscallNumbers(hostMachine().architecture)
const call = (name: string, ...args: number[]) => ['call', String(numbers.get(name)), ...args.map(String)]
const recipe = () => box().bind(seccompFixture('caller.c', 'static'), '/caller')

async function waiting(t: TestContext, where = recipe(), name = 'bpf'): Promise<SandboxProcess> {
  const child = await where.spawn('/caller', ['after-input', ...call(name)])
  t.cleanUp(() => child[Symbol.asyncDispose]())
  return child
}

const initOf = (child: SandboxProcess) =>
  Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])

const stateOf = (pid: number) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]

test(
  'while init is stopped the call waits, and is a violation when init goes on',
  async (t) => {
    const child = await waiting(t)
    const init = initOf(child)
    process.kill(init, 'SIGSTOP')
    child.stdin?.write('x')
    await sleep(100)
    assert.is(stateOf(child.pid), 'S', 'it waits')
    process.kill(init, 'SIGCONT')
    const result = await child.wait()
    assert.is(result.outcome === 'seccomp-violation' && result.syscall, 'bpf')
    assert.is(await firstText(child.stdout), '')
  },
  { needs: root },
)

test(
  'when init is killed the call fails, if the program still sees it, and the program dies',
  async (t) => {
    const child = await waiting(t)
    const init = initOf(child)
    process.kill(init, 'SIGSTOP')
    child.stdin?.write('x')
    await sleep(50)
    process.kill(init, 'SIGKILL')
    const error = await child.wait().then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.is(error?.sandboxCode, 'ERR_SANDBOX_LOST')
    await child.closed
    const said = await firstText(child.stdout)
    assert.ok(['', 'ENOSYS\n'].includes(said), said)
  },
  { needs: root },
)

test(
  'without a pid namespace a call whose init has died fails with ENOSYS at most',
  async (t) => {
    const child = await waiting(t, recipe().share('pid'))
    const init = initOf(child)
    process.kill(init, 'SIGSTOP')
    const said = firstText(child.stdout)
    child.stdin?.write('x')
    await sleep(50)
    process.kill(init, 'SIGKILL')
    await child.wait().catch(() => {})
    await child.closed
    assert.ok(['', 'ENOSYS\n'].includes(await said), await said)
  },
  { needs: [root, cgroup2] },
)

test(
  'without a pid namespace a violation is named, and ends the tree',
  async () => {
    const result = await recipe()
      .share('pid')
      .run('/caller', ['in-child', ...call('bpf')])
    assert.is(result.outcome === 'seccomp-violation' && result.syscall, 'bpf', result.explain())
  },
  { needs: cgroup2 },
)

test(
  'a frozen program that is thawed within its call is still a violation',
  async (t) => {
    const child = await waiting(t)
    await child.freeze()
    child.stdin?.write('x')
    await child.thaw().catch(() => {}) // it may be over before all of it is seen to run
    const result = await child.wait()
    assert.is(result.outcome, 'seccomp-violation')
  },
  { needs: cgroup2 },
)

test('forty at once, each with its own call', async () => {
  const names = ['bpf', 'ptrace', 'keyctl', 'mount', 'setns', 'reboot', 'acct', 'userfaultfd']
  const all = Array.from({ length: 40 }, (_, i) => names[i % names.length] ?? '')
  const results = await Promise.all(all.map((name) => recipe().run('/caller', ['in-child', ...call(name)])))
  const found = results.map((result) => (result.outcome === 'seccomp-violation' ? result.syscall : result.explain()))
  assert.equal(found, all)
})

test('the wall time limit is kept while init also listens for violations', async (t) => {
  const child = await waiting(t, recipe().limits({ wallTime: 200 }), 'read')
  const result = await child.wait()
  assert.is(result.outcome, 'wall-time-limit')
})

test(
  'where Node itself runs under a filter with a listener, violations kill by SIGSYS',
  async () => {
    const source = `
    import { sandbox } from 'cofferdam'
    const [, rootfs, caller, ...args] = process.argv
    const box = sandbox().rootfs(rootfs).bind(caller, '/caller')
    const { outcome, signal, stdout } = await box.run('/caller', args)
    const fine = await box.run('/caller', ['in-child', 'say', 'fine'])
    console.log(JSON.stringify([outcome, signal, stdout, fine.stdout]))`
    const caller = seccompFixture('caller.c', 'static')
    const { stdout, stderr } = await runNode(source, {
      before: `exec ${seccompFixture('under-listener.c', 'static')} "$@"; :`,
      args: [probeRootfs, caller, ...call('bpf')],
    })
    assert.equal(JSON.parse(stdout || '[]'), ['signaled', 'SIGSYS', '', 'fine\nthe child ended with 0\n'], stderr)
  },
  { needs: root },
)

test(
  'a caller without privileges has filters, too',
  async () => {
    const answer = await asCaller<[string, string]>(
      `const [caller, ...rest] = args
     const result = await box().bind(caller, '/caller').run('/caller', rest)
     return [result.outcome, result.syscall]`,
      ...[seccompFixture('caller.c', 'static'), 'in-child', ...call('bpf')],
    )
    assert.equal(answer, ['seccomp-violation', 'bpf'])
  },
  { needs: unprivilegedCaller },
)

const STARTS = { names: ['execve', 'exit_group'], action: 'SCMP_ACT_ALLOW' }

test('each action of a profile does what it says', async () => {
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['getppid'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
      { names: ['getpgid'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
      { names: ['getsid'], action: 'SCMP_ACT_TRAP' },
      { names: ['getuid'], action: 'SCMP_ACT_KILL' },
      { names: ['getgid'], action: 'SCMP_ACT_KILL_THREAD' },
      { names: ['sync'], action: 'SCMP_ACT_LOG' },
      {
        names: ['dup'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 13,
        args: [{ index: 0, value: 2 ** 33, op: 'SCMP_CMP_GE' }],
      },
      { names: ['dup'], action: 'SCMP_ACT_KILL_PROCESS', args: [{ index: 0, value: 2 ** 33 + 1, op: 'SCMP_CMP_EQ' }] },
    ],
  }
  const custom = recipe().seccomp(profile)
  const said = async (...args: string[]) => {
    const result = await custom.run('/caller', args)
    return result.outcome === 'seccomp-violation'
      ? `violation: ${result.syscall}`
      : `${result.signal ?? ''}${result.stdout.trim()}`
  }
  assert.is(await said(...call('getppid')), 'ENOSYS')
  assert.is(await said(...call('getpgid')), 'ok')
  assert.is(await said(...call('getsid')), 'SIGSYS')
  assert.is(await said('armoured', ...call('getsid')), 'caught\nok')
  assert.is(await said(...call('getuid')), 'violation: getuid')
  assert.is(await said('in-thread', ...call('getgid')), 'violation: getgid')
  assert.is(await said(...call('sync')), 'ok')
  assert.is(await said(...call('dup', 1)), 'ok')
  assert.is(await said(...call('dup', 2 ** 33)), 'EACCES')
  assert.is(await said(...call('dup', 2 ** 33 + 1)), 'violation: dup')
  assert.is(await said(...call('dup', 2 ** 33 + 2)), 'EACCES')
})

test('an allow-list names the first call that is missing from it', async () => {
  const result = await recipe()
    .seccomp({ defaultAction: 'SCMP_ACT_KILL', syscalls: [STARTS] })
    .run('/caller', ['say', 'x'])
  assert.ok(result.outcome === 'seccomp-violation', result.explain())
  assert.ok(['brk', 'arch_prctl', 'set_tid_address'].includes(result.syscall), result.syscall)
})

test('a command that does not exist is an error also under a profile in which exit fails', async () => {
  const profile = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['execve'], action: 'SCMP_ACT_ALLOW' }] }
  const error = await box()
    .seccomp(profile)
    .run('/nowhere')
    .then(
      () => undefined,
      (thrown) => thrown,
    )
  assert.instance(error, SandboxSetupError)
  assert.equal([error?.step, error?.code], ['exec', 'ENOENT'])
})

test('the profile of a container engine runs a shell', async () => {
  const file = new URL('../fixtures/seccomp/engine-profile.json', import.meta.url)
  const { stdout, stderr } = await sandbox()
    .seccomp(JSON.parse(readFileSync(file, 'utf8')))
    .run('sh', ['-c', 'echo $(echo works)'])
  assert.is(stdout, 'works\n', stderr)
})

test('a long filter with a large request goes as well', async () => {
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: Array.from({ length: 600 }, (_, i) => ({
      names: ['getppid'],
      action: 'SCMP_ACT_ERRNO',
      args: [{ index: i % 6, value: i * 2 ** 20 + 1, op: 'SCMP_CMP_EQ' }],
    })),
  }
  const large = recipe().file('/large', new Uint8Array(200_000)).seccomp(profile)
  assert.ok(large.plan().command.seccomp.instructions > 2000)
  assert.is((await large.run('/caller', ['say', 'hello'])).stdout, 'hello\n')
})

test.run()
