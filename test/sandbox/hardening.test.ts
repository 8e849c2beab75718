// What a command is started with, whatever its recipe says: no privileges, nothing inherited, everything at its default.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, type Pids } from '../support/ask.js'
import { box, probeRootfs } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { run } from '../support/command.js'
import { cgroup2, command, root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { suite } from '../support/suite.js'

const test = suite('hardening', { warmUp: true })

type Capabilities = Record<'effective' | 'permitted' | 'inheritable' | 'bounding' | 'ambient', string>
type Signals = Record<'blocked' | 'ignored' | 'handled', number[]>

interface Process {
  noNewPrivileges: number
  dumpable: number
  deathSignal: number
  securebits: number
  umask: number
  personality: number
  nice: number
  cwd: string
}

const NET_BIND_SERVICE = 1n << 10n
const SIGPIPE = 13

const everySet = (bits: bigint): Capabilities => {
  const text = bits.toString(16).padStart(16, '0')
  return { effective: text, permitted: text, inheritable: text, bounding: text, ambient: text }
}

/** Those recipes in which the command could come by more than it should have. */
const RECIPES: [name: string, recipe: () => Sandbox, needsRoot: boolean][] = [
  ['the default user', () => box(), false],
  ['root inside', () => box().user(0), false],
  ["the host's root", () => box().share('user'), true],
]

for (const [name, recipe, needsRoot] of RECIPES) {
  const options = needsRoot ? { needs: root } : {}

  test(
    `${name} has no capability in any of the five sets`,
    async () => {
      assert.equal(await ask<[Capabilities]>(recipe(), 'caps'), [everySet(0n)])
    },
    options,
  )

  test(
    `${name} keeps exactly the capability that it is given, in all five sets`,
    async () => {
      const kept = recipe().capabilities('net_bind_service')
      assert.equal(await ask<[Capabilities]>(kept, 'caps'), [everySet(NET_BIND_SERVICE)])
      assert.equal(await ask(kept, 'try-bind 80', 'try-socket 17 3', 'try-sethostname x'), ['ok', 'EPERM', 'EPERM'])
      assert.equal(await ask(recipe(), 'try-bind 80', 'try-bind 8080'), ['EACCES', 'ok'])
    },
    options,
  )

  test(
    `${name} can gain no privileges by executing something`,
    async () => {
      const [state] = await ask<[Process]>(recipe(), 'process')
      assert.is(state.noNewPrivileges, 1)
    },
    options,
  )
}

test('several capabilities can be kept, and a program that is executed has them still', async () => {
  const kept = box().capabilities('chown', 'net_bind_service', 'sys_ptrace')
  const { stdout } = await kept.run('/probe', ['exec', '/probe', 'caps'])
  assert.equal(JSON.parse(stdout), everySet(1n | NET_BIND_SERVICE | (1n << 19n)))
})

test(
  'no descriptor of Node is inherited, also none that Node has no control over',
  async () => {
    const { stdout, stderr } = await runNode(
      `import { sandbox } from 'cofferdam'
       import { execFileSync } from 'node:child_process'
       import { openSync } from 'node:fs'
       for (let i = 0; i < 300; i++) openSync('/dev/null')
       console.log(execFileSync(process.argv[2], ['fds']).toString().trim())
       console.log((await sandbox().rootfs(process.argv[1]).run('/probe', ['fds'])).stdout.trim())
       console.log((await sandbox().share('user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time')
         .run(process.argv[2], ['fds'])).stdout.trim())`,
      {
        args: [probeRootfs, probe()],
        // Node marks the descriptors that it was started with close-on-exec, from 0 on up to the first gap after 15
        // (uv_disable_stdio_inheritance): the one behind the gap is out of its control.
        before: `exec 3</dev/null 4</etc 5</etc/passwd 9</dev/zero; set -- ${probe()} exec-holding 500 /etc/passwd "$@"`,
      },
    )
    assert.is(stderr, '')
    const [host = '', inside = '', unseparated = ''] = stdout.trim().split('\n')
    assert.is(JSON.parse(host)[500], 'file', `the host's child has it: ${host}`)
    for (const seen of [inside, unseparated]) assert.equal(Object.keys(JSON.parse(seen)), ['0', '1', '2'])
  },
  { needs: [root, cgroup2] },
)

test('the command leads a session of its own, with and without a pid namespace', async () => {
  const [own] = await ask<[Pids]>(box(), 'pids')
  assert.equal([own.session, own.group], [own.self, own.self])
})

test(
  'the command leads a session of its own also among the processes of the host',
  async () => {
    const [shared] = await ask<[Pids]>(box().share('pid'), 'pids')
    assert.equal([shared.session, shared.group], [shared.self, shared.self])
    assert.is.not(shared.session, askHost<[Pids]>('pids')[0].session)
  },
  { needs: [root, cgroup2] },
)

test(
  'there is no controlling terminal, where Node has one',
  async () => {
    const source = `import { sandbox } from 'cofferdam'
      import { spawnSync } from 'node:child_process'
      const ask = (recipe) => recipe.spawn('/probe', ['tty'], { stdin: 'inherit', stdout: 'inherit' })
      spawnSync(process.argv[2], ['tty'], { stdio: 'inherit' })
      for (const recipe of [sandbox(), sandbox().user(0)]) await (await ask(recipe.rootfs(process.argv[1]))).wait()`
    const node = [process.execPath, '--input-type=module', '--eval', '"$SOURCE"', '--', probeRootfs, probe()].join(' ')
    const { stdout } = await run('script', ['-qec', node, '/dev/null'], { env: { ...process.env, SOURCE: source } })
    assert.equal(stdout.trim().split(/\s+/), ['ok', 'ENXIO', 'ENXIO'])
  },
  { needs: command('script') },
)

test('the session keyring is a new one, and keys of Node cannot be found in it', async () => {
  const name = `cofferdam-test-${process.pid}`
  const source = `import { sandbox } from 'cofferdam'
    import { execFileSync } from 'node:child_process'
    const ask = async (recipe) => (await recipe.run('/probe', ['key-see', '${name}', ',', 'keyring'])).stdout
    process.stdout.write(execFileSync(process.argv[2], ['key-see', '${name}', ',', 'keyring']))
    process.stdout.write(await ask(sandbox().rootfs(process.argv[1]).seccomp('off')))
    process.stdout.write(await ask(sandbox().rootfs(process.argv[1]).seccomp('off').user(0)))`
  const node = ['exec', process.execPath, '--input-type=module', '--eval', source, '--', probeRootfs, probe()]
  const { stdout, stderr } = await run(probe(), ['key-add', name, ',', ...node])
  assert.is(stderr, '')
  const [added, host, hostRing = '', inside, ring = '', asRoot, rootRing = ''] = stdout.trim().split('\n')
  assert.equal([added, host, inside, asRoot], ['ok', 'ok', 'ENOKEY', 'ENOKEY'])
  assert.is(new Set([hostRing, ring, rootRing].map((text) => JSON.parse(text).id)).size, 3)
})

test('keys of one sandbox cannot be found in the next', async () => {
  assert.equal(await ask(box().seccomp('off'), 'key-add mine', 'key-see mine'), ['ok', 'ok'])
  assert.equal(await ask(box().seccomp('off'), 'key-see mine'), ['ENOKEY'])
})

test('no core is dumped', async () => {
  assert.equal((await ask<[Record<string, unknown>]>(box(), 'rlimits'))[0].core, [0, 0])
})

test('no signal is blocked, ignored or handled, though Node ignores SIGPIPE', async () => {
  const ignored = BigInt(`0x${/SigIgn:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`)
  assert.ok((ignored >> BigInt(SIGPIPE - 1)) & 1n, 'Node ignores SIGPIPE')
  assert.equal(await ask<[Signals]>(box(), 'sigs'), [{ blocked: [], ignored: [], handled: [] }])
})

test('umask, environment, nice value and the small switches are the usual ones', async (t) => {
  const umask = process.umask(0o077)
  t.cleanUp(() => process.umask(umask))
  process.env.COFFERDAM_TEST_SECRET = 'x'
  t.cleanUp(() => delete process.env.COFFERDAM_TEST_SECRET)

  const [state, environment] = await ask<[Process, string[]]>(box(), 'process', 'env')
  assert.equal(environment, [])
  const { umask: inside, nice, deathSignal, securebits, personality, cwd } = state
  assert.equal([inside, nice, deathSignal, securebits, personality, cwd], [0o022, 0, 0, 0, 0, '/'])
})

test('the umask of Node changes nothing, not of what is made ahead either', async (t) => {
  const umask = process.umask(0o077)
  t.cleanUp(() => process.umask(umask))
  const hostRoot = sandbox().bind(join(probeRootfs, 'probe'), '/probe')
  for (const recipe of [box(), hostRoot, box(), hostRoot, box(), hostRoot]) {
    assert.equal(await ask(recipe, 'try-open /dev/pts', 'try-open /dev/shm'), ['ok', 'ok'])
    await sleep(30) // for the next one's /dev to be made
  }
})

test('the environment is what the recipe says', async () => {
  const recipe = box().env({ A: '1', B: 'two words', C: '3' }).env({ C: undefined })
  assert.equal(await ask<[string[]]>(recipe, 'env'), [['A=1', 'B=two words']])
})

test('a program of the default root has the same', async () => {
  const recipe = sandbox().bind(join(probeRootfs, 'probe'), '/probe')
  const [caps, signals, state] = await ask<[Capabilities, Signals, Process]>(recipe, 'caps', 'sigs', 'process')
  assert.equal(caps, everySet(0n))
  assert.equal(signals, { blocked: [], ignored: [], handled: [] })
  assert.is(state.noNewPrivileges, 1)
})

test.run()
