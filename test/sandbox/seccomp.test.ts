// Filters of system calls on the real kernel: ordinary programs work, attacks do not, and the result names the call.
import { constants } from 'node:os'
import { type RunResult, type Sandbox, type SeccompViolationResult, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { hostMachine } from '../../src/seccomp/filter.js'
import { syscallNumbers } from '../../src/seccomp/tables.js'
import { box, probeRootfs, runProbe } from '../support/boxes.js'
import { command } from '../support/host.js'
import { seccompFixture } from '../support/probe.js'
import { suite } from '../support/suite.js'

const test = suite('seccomp', { warmUp: true })

const { architecture } = hostMachine()
const numbers = syscallNumbers(architecture)
const x86 = () => (architecture === 'x86_64' ? undefined : 'needs x86_64, for its other ABIs')

/** A recipe in which `/caller` is the fixture, static. */
const recipe = () => box().bind(seccompFixture('caller.c', 'static'), '/caller')

const number = (name: string) => String(numbers.get(name) ?? assert.unreachable(`${architecture} has no ${name}`))
const call = (name: string, ...args: (number | bigint)[]) => ['call', number(name), ...args.map(String)]
const asks = async (where: Sandbox, ...args: string[]) => (await where.run('/caller', args)).stdout.trim()

function violation(result: RunResult): RunResult & SeccompViolationResult {
  if (result.outcome === 'seccomp-violation') return result
  throw new Error(`No violation: ${result.explain()} ${result.stdout} ${result.stderr}`)
}

test('the command runs under one filter, of its own', async () => {
  const { stdout } = await sandbox().run('grep', ['Seccomp', '/proc/self/status'])
  assert.match(stdout, /^Seccomp:\s*2\nSeccomp_filters:\s*1\n/)
  const off = await sandbox().seccomp('off').run('grep', ['Seccomp:', '/proc/self/status'])
  assert.match(off.stdout, /^Seccomp:\s*0\n/)
})

test('ordinary programs work: processes, threads, pipes, sockets, files', async () => {
  const script =
    'set -e; a=$(echo x | tr x y); mkdir /tmp/d; echo $a > /tmp/d/f; sort /tmp/d/f; ( exit 3 ) || echo $?; wait'
  const { stdout } = await sandbox().run('sh', ['-c', script])
  assert.is(stdout, 'y\n3\n')
})

test(
  'python works: threads, subprocesses, sockets, multiprocessing',
  async () => {
    const script = [
      'import threading, subprocess, socket, multiprocessing, tempfile, os, asyncio',
      't = threading.Thread(target=print, args=("thread",)); t.start(); t.join()',
      'print(subprocess.check_output(["echo", "child"]).decode().strip())',
      's = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); c = socket.create_connection(s.getsockname()); print("tcp")',
      'with multiprocessing.Pool(2) as pool: print(sum(pool.map(abs, [-1, -2])))',
      'print(asyncio.run(asyncio.sleep(0, "async")))',
    ]
    const { stdout, stderr } = await sandbox().run('/usr/bin/python3', ['-c', script.join('\n')])
    assert.is(stdout, 'thread\nchild\ntcp\n3\nasync\n', stderr)
  },
  { needs: command('/usr/bin/python3') },
)

test('node works, workers and child processes included', async () => {
  const script = `
    const { Worker } = require('node:worker_threads')
    const { execFileSync } = require('node:child_process')
    new Worker('require("node:worker_threads").parentPort.postMessage("worker")', { eval: true }).on('message', (m) => {
      console.log(m, execFileSync('echo', ['child']).toString().trim())
      require('node:fs').promises.readFile('/etc/passwd').then((text) => console.log(text.length > 0))
    })`
  const node = sandbox().bind(process.execPath, '/node')
  const { stdout, stderr } = await node.run('/node', ['-e', script])
  assert.is(stdout, 'worker child\ntrue\n', stderr)
})

test(
  'a compiler works, and so does what it has made',
  async () => {
    const source =
      '#include <stdio.h>\n#include <pthread.h>\nstatic void *f(void *a) { return a; }\nint main(void) { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0) || puts("made") < 0; }\n'
    const script = 'cc -pthread -o /tmp/program /source.c && /tmp/program'
    const { stdout, stderr } = await sandbox()
      .env({ PATH: '/usr/bin:/bin' })
      .file('/source.c', source)
      .run('sh', ['-c', script])
    assert.is(stdout, 'made\n', stderr)
  },
  { needs: command('cc') },
)

const FORBIDDEN = [
  ...[
    'ptrace',
    'process_vm_readv',
    'process_vm_writev',
    'pidfd_getfd',
    'kcmp',
    'bpf',
    'userfaultfd',
    'perf_event_open',
  ],
  ...['add_key', 'request_key', 'keyctl', 'mount', 'umount2', 'pivot_root', 'open_tree', 'move_mount', 'fsopen'],
  ...[
    'fsconfig',
    'fsmount',
    'fspick',
    'mount_setattr',
    'open_tree_attr',
    'setns',
    'fanotify_init',
    'open_by_handle_at',
  ],
  ...[
    'init_module',
    'finit_module',
    'delete_module',
    'kexec_load',
    'kexec_file_load',
    'reboot',
    'swapon',
    'swapoff',
    'acct',
  ],
]

test('each forbidden call ends the program, and the result names it', async () => {
  await Promise.all(
    FORBIDDEN.map(async (name) => {
      const result = violation(await recipe().run('/caller', call(name)))
      assert.is(result.syscall, name)
      assert.is(result.syscallNumber, numbers.get(name))
      assert.is(result.architecture, architecture)
      assert.is(result.ok, false)
      assert.is(result.signal, 'SIGKILL')
      assert.match(result.explain(), `ended for the system call ${name}, which its seccomp filter forbids`)
      assert.throws(() => result.throwIfFailed(), /system call/)
    }),
  )
})

test('nothing after the call is done', async () => {
  const { stdout } = await recipe().run('/caller', call('keyctl', 0, -3n & 0xffffffffn, 0))
  assert.is(stdout, '')
})

test('what programs try and can do without fails with an errno', async () => {
  const EXPECTED: [string[], string][] = [
    [call('io_uring_setup', 8, 0), 'ENOSYS'],
    [call('clone3', 0, 0), 'ENOSYS'],
    [['call', '9999'], 'ENOSYS'],
    [['call', '-1'], 'ENOSYS'],
    [call('unshare', 0x10000000), 'EPERM'],
    [call('unshare', 0x80), 'EPERM'],
    [call('clone', 0x10000011), 'EPERM'],
    [call('clone', 0x20000 | 17), 'EPERM'],
    [call('sethostname', 0, 0), 'EPERM'],
    [call('personality', 0x400000), 'EPERM'],
    [call('syslog', 3, 0, 0), 'EPERM'],
    [call('socket', 40, 1, 0), 'EAFNOSUPPORT'],
    [call('socket', 38, 5, 0), 'EAFNOSUPPORT'],
    [call('socket', 16, 3, 12), 'EAFNOSUPPORT'],
    [call('socket', 17, 3, 0), 'EPERM'],
    [call('socketpair', 30, 5, 0, 0), 'EAFNOSUPPORT'],
    [call('ioctl', 0, 0x5412, 0), 'EPERM'],
    [call('ioctl', 0, 0x100005412n, 0), 'EPERM'],
    [call('ioctl', 0, 0xffffffff00005412n, 0), 'EPERM'],
    [call('ioctl', 0, 0x10000541cn, 0), 'EPERM'],
    [call('personality', 0xffffffff), 'ok'],
    [call('personality', 0x40000), 'ok'],
    [call('unshare', 0x600), 'ok'],
    [call('socket', 16, 3, 0), 'ok'],
  ]
  for (const [args, wanted] of EXPECTED) assert.is(await asks(recipe(), ...args), wanted, args.join(' '))
})

test('without a filter the kernel answers those calls itself, so that the answers above were ours', async () => {
  const off = recipe().seccomp('off')
  assert.is(await asks(off, ...call('ioctl', 0, 0x100005412n, 0)), 'ENOTTY')
  assert.is(await asks(off, ...call('unshare', 0x10000000)), 'ok')
  assert.is(await asks(off, ...call('userfaultfd', 1)), 'ok')
  assert.is(await asks(off, ...call('io_uring_setup', 8, 0)), 'EFAULT')
  assert.is(await asks(off, ...call('keyctl', 0, 0xfffffffd, 0)), 'ok')
})

test(
  'calls of 32-bit programs and of x32 are violations, under their own names',
  async () => {
    const i386 = violation(await recipe().run('/caller', ['int80', '20']))
    assert.equal([i386.syscall, i386.architecture], ['getpid', 'i386'])
    assert.match(i386.explain(), /the system call getpid of i386/)
    const x32 = violation(await recipe().run('/caller', ['call', String(0x40000000 + 39)]))
    assert.equal([x32.syscall, x32.architecture, x32.syscallNumber], ['getpid', 'x32', 0x40000000 + 39])
    const off = await recipe().seccomp('off').run('/caller', ['int80', '20'])
    assert.is(off.stdout, '2\n', 'this kernel has i386 calls')
  },
  { needs: x86 },
)

test('a violation in a child, a grandchild or a thread ends the tree and is named', async () => {
  for (const where of [
    ['in-child'],
    ['in-child', 'in-child'],
    ['in-thread'],
    ['in-child', 'in-thread'],
    ['armoured'],
  ]) {
    const result = violation(await recipe().run('/caller', [...where, ...call('ptrace')]))
    assert.is(result.syscall, 'ptrace', where.join(' '))
    assert.is(result.stdout, '')
  }
})

test('signals do not get the program past a violation: it ends, or what interrupted the call in time leaves EINTR', async () => {
  const outcomes = new Set<string>()
  for (let i = 0; i < 30; i++) {
    const result = await recipe().run('/caller', ['interrupted', ...call('bpf')])
    outcomes.add(result.outcome)
    if (result.outcome === 'seccomp-violation') assert.is(result.syscall, 'bpf')
    else assert.match(result.stdout, /^(caught\n)+EINTR\n(caught\n)*$/)
  }
  assert.ok(outcomes.has('seccomp-violation'))
})

test('a violation just before the command ends is still told', async () => {
  const result = violation(await recipe().run('/caller', ['leaving-a-child', ...call('ptrace')]))
  assert.is(result.syscall, 'ptrace')
})

test('a program that sends itself SIGSYS has violated nothing', async () => {
  const SIGSYS = String(constants.signals.SIGSYS)
  const result = await recipe().run('/caller', ['signal', SIGSYS])
  assert.equal([result.outcome, result.signal], ['signaled', 'SIGSYS'])
  const child = await recipe().run('/caller', ['in-child', 'signal', SIGSYS])
  assert.is(child.outcome, 'exited', child.explain())
})

test('the program cannot take its filter off, nor ask for another listener', async () => {
  const FILTER = 1
  const NEW_LISTENER = 8
  assert.is(await asks(recipe(), ...call('seccomp', FILTER, NEW_LISTENER, 0)), 'EFAULT')
  const after = violation(await recipe().run('/caller', ['exec', '/caller', ...call('ptrace')]))
  assert.is(after.syscall, 'ptrace')
})

test('the descriptors of the command are its own three, and init keeps none of them', async () => {
  const { stdout } = await runProbe(box(), 'fds')
  assert.equal(JSON.parse(stdout), { 0: 'device', 1: 'pipe', 2: 'pipe' })
})

test('a limit of five descriptors leaves room for the listener, and fewer still kill', async () => {
  const limited = (openFiles: number) => recipe().limits({ openFiles })
  assert.is(violation(await limited(5).run('/caller', call('ptrace'))).syscall, 'ptrace')
  for (const openFiles of [1, 3, 4]) {
    const result = await limited(openFiles).run('/caller', call('ptrace'))
    assert.equal([result.outcome, result.signal, result.stdout], ['signaled', 'SIGSYS', ''])
    assert.is(await asks(limited(openFiles), 'say', 'hello'), 'hello')
  }
})

test('many lent descriptors do not take the listener’s place', async () => {
  let many = recipe()
  for (let i = 0; i < 40; i++) many = many.bind(probeRootfs, `/bound/${i}`)
  assert.is(violation(await many.limits({ openFiles: 8 }).run('/caller', call('ptrace'))).syscall, 'ptrace')
})

test('a command that cannot be executed is an error as ever, with either preset', async () => {
  for (const preset of ['default', 'strict'] as const) {
    const failed = await box()
      .seccomp(preset)
      .run('/nowhere')
      .then(
        () => undefined,
        (error) => error,
      )
    assert.equal([failed?.step, failed?.code, failed?.path], ['exec', 'ENOENT', '/nowhere'])
  }
})

test('kept capabilities open the calls that they are for', async () => {
  // PTRACE_ATTACH to nobody: the filter has let it pass. init is no tracer, having fewer capabilities.
  assert.is(await asks(recipe().capabilities('sys_ptrace'), ...call('ptrace', 16, 4194303, 0, 0)), 'ESRCH')
  assert.is(await asks(recipe().capabilities('sys_admin'), ...call('unshare', 0x4000000)), 'ok')
  assert.is(await asks(recipe().capabilities('net_raw'), ...call('socket', 17, 3, 0)), 'ok')
})

test('usage and other outcomes are what they are without a filter', async () => {
  const spin = await box({ cpuTime: 50 }).run('/probe', ['spin'])
  assert.is(spin.outcome, 'cpu-time-limit')
  const timed = await box({ wallTime: 50 }).run('/probe', ['sleep', '10'])
  assert.is(timed.outcome, 'wall-time-limit')
})

test.run()
