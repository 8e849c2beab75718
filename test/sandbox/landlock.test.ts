// Landlock: what its rules allow and forbid to real programs, whoever they are and whatever they try against it.
import { dirname } from 'node:path'
import { type LandlockRules, type Sandbox, SandboxPool, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask } from '../support/ask.js'
import { box, firstText } from '../support/boxes.js'
import { asCaller, type Refusal, unprivilegedCaller } from '../support/caller.js'
import { cgroup2, landlock, type Need, root } from '../support/host.js'
import { askOn } from '../support/hosts.js'
import { fails, setupFailure } from '../support/inside.js'
import { type Kind, kernelBefore, kernelFrom } from '../support/kinds.js'
import { probe } from '../support/probe.js'
import { suite, type TestOptions } from '../support/suite.js'

const all = suite('landlock', { warmUp: true })

/** Every test needs Landlock, and some a later version of it. */
function test(name: string, body: Parameters<typeof all>[1], options: TestOptions = {}): void {
  all(name, body, { ...options, needs: [landlock, ...[options.needs ?? []].flat()] })
}

const TRUNCATION: { only: Kind } = { only: kernelFrom(6, 2) }
const PORTS: { only: Kind } = { only: kernelFrom(6, 7) }
const DEVICES: { only: Kind } = { only: kernelFrom(6, 10) }
const SCOPES: { only: Kind } = { only: kernelFrom(6, 12) }

/** Two directories that everybody may write to, and a file in each. */
const places = () => {
  const [open, shared] = [{ mode: 0o777 }, { mode: 0o666 }]
  return box().tmpfs('/in', open).tmpfs('/out', open).file('/in/a', 'A', shared).file('/out/b', 'B', shared)
}

/** What every kernel can do; it leaves truncation alone. */
const writable = (...paths: string[]): LandlockRules => ({ write: paths, truncate: 'unrestricted' })

const WHO: [name: string, as: (recipe: Sandbox) => Sandbox, needs: Need[]][] = [
  ['the default user', (recipe) => recipe, []],
  ['root inside', (recipe) => recipe.user(0), []],
  ["the host's root", (recipe) => recipe.share('user'), [root]],
]

for (const [name, as, needs] of WHO) {
  for (const profile of ['default', 'strict', 'off'] as const) {
    test(
      `${name} reads what it may and nothing else, under seccomp('${profile}')`,
      async () => {
        const recipe = as(places())
          .seccomp(profile)
          .landlock({ read: ['/in'], execute: ['/probe'] })
        const asked = ['/in/a', '/in', '/out/b', '/out', '/', '/proc/self/status', '/probe']
        assert.equal(await ask(recipe, ...asked.map((path) => `try-open ${path}`)), [
          ...['ok', 'ok', 'EACCES', 'EACCES', 'EACCES', 'EACCES'],
          'ok', // what is executed has to be read
        ])
      },
      { needs },
    )
  }

  test(
    `${name} changes what it may and nothing else`,
    async () => {
      const recipe = as(places()).landlock(writable('/out'))
      const changes = [
        ['write', '/in/a', 'x'],
        ['touch', '/in/new'],
        ['mkdir', '/in/new'],
        ['unlink', '/in/a'],
        ['symlink', 'x', '/in/new'],
        ['fifo', '/in/new'],
        ['rename', '/in/a', '/in/new'],
        ['link', '/in/a', '/in/new'],
      ] as const
      for (const [command, ...rest] of changes)
        assert.match(await fails(recipe, command, ...rest), /: EACCES$/, command)
      const allowed = [
        'write /out/b x',
        'touch /out/f',
        'mkdir /out/d',
        'symlink x /out/s',
        'fifo /out/p',
        'rename /out/b /out/c',
      ]
      assert.equal(await ask(recipe, ...allowed, 'link /out/c /out/l', 'unlink /out/c', 'say done'), ['ok', 'done'])
      assert.match(await fails(recipe, 'socket', '/in/socket'), /bind: EACCES/)
      assert.equal(await ask(recipe, 'try-open /in/a', 'try-open /out/b'), ['ok', 'ok'], 'reading is not restricted')
    },
    { needs },
  )

  test(
    `${name} executes what it may and nothing else`,
    async () => {
      const recipe = as(box()).bind(probe(), '/dir/allowed').bind(probe(), '/other')
      const rules = { execute: ['/probe', '/dir'] }
      assert.is(await fails(recipe.landlock(rules), 'exec', '/other', 'say', 'x'), 'execv: EACCES')
      assert.equal(await ask(recipe.landlock(rules), 'exec /dir/allowed say x'), ['x'])
      assert.equal(await ask(recipe.landlock(rules), 'try-open /other'), ['ok'], 'reading is not restricted')
    },
    { needs },
  )
}

test('a list that is empty allows nothing', async () => {
  const recipe = places()
  assert.equal(await ask(recipe.landlock({ read: [], execute: ['/probe'] }), 'try-open /in/a', 'try-open /probe'), [
    'EACCES',
    'ok',
  ])
  assert.is(await fails(recipe.landlock(writable()), 'touch', '/in/new'), 'open: EACCES')
})

test('rules for a file are for that file', async () => {
  const recipe = places()
    .file('/in/other', 'x', { mode: 0o666 })
    .landlock({ read: ['/in/a'], execute: ['/probe'], ...writable('/in/a') })
  const asked = ['try-open /in/a', 'try-open /in/other', 'try-open-writable /in/a', 'try-open-writable /in/other']
  assert.equal(await ask(recipe, ...asked), ['ok', 'EACCES', 'ok', 'EACCES'])
})

test(
  'files elsewhere cannot be truncated, in whatever way',
  async () => {
    const recipe = places().landlock({ write: ['/out'] })
    const ways = ['try-truncate', 'try-open-truncating']
    assert.equal(await ask(recipe, ...ways.map((way) => `${way} /in/a`)), ['EACCES', 'EACCES'])
    assert.equal(await ask(recipe, ...ways.map((way) => `${way} /out/b`)), ['ok', 'ok'])
  },
  TRUNCATION,
)

test('files elsewhere can be truncated where the recipe says so', async () => {
  const recipe = places().landlock(writable('/out'))
  assert.equal(await ask(recipe, 'try-truncate /in/a'), ['ok'])
  assert.ok(recipe.plan().warnings.some((text) => text.includes('truncated')))
})

test(
  'on a kernel that cannot restrict truncation, writing is an error that says so',
  async () => {
    const error = await places()
      .landlock({ write: [] })
      .run('/true')
      .catch((thrown) => thrown)
    assert.equal([error.name, error.feature], ['SandboxUnsupportedError', 'landlock.write'])
    assert.match(error.message, /version 3 of Landlock's ABI \(Linux 6\.2\)/)
    assert.match(error.hint, /truncate: 'unrestricted'/)
  },
  { only: kernelBefore(6, 2) },
)

test('files are moved between directories as far as both permit it and nothing is gained', async () => {
  const moved = await ask(
    places().landlock(writable('/out')),
    ...['mkdir /out/d', 'rename /out/b /out/d/b', 'say moved'],
  )
  assert.equal(moved, ['moved'])
  const reads = places().landlock({ read: ['/in'], execute: ['/probe'] })
  const free = await ask(reads, 'mkdir /out/d', 'rename /out/b /out/d/b', 'say moved')
  assert.equal(free, ['moved'], 'writing is not restricted')
  const one = box().tmpfs('/all').file('/all/secret/s', 'x').file('/all/in/a', 'A').user(0)
  const away = one.landlock(writable('/all/in'))
  assert.is(await fails(away, 'rename', '/all/in/a', '/all/secret/a'), 'rename: EACCES')
  const gains = one.landlock({ read: ['/all/in'], execute: ['/probe'] })
  assert.is(await fails(gains, 'rename', '/all/secret/s', '/all/in/s'), 'rename: EXDEV')
})

test('children are under the rules, and so is what they execute', async () => {
  const recipe = places().landlock({ read: ['/in'], execute: ['/probe'] })
  assert.equal(await ask(recipe, 'in-child try-open /out/b'), ['EACCES', 'exited 0'])
  assert.equal(await ask(recipe, 'exec /probe try-open /out/b'), ['EACCES'])
})

test('the program can restrict itself further, and cannot undo anything, not as root with capabilities either', async () => {
  const rules = { read: ['/in'], execute: ['/probe'] }
  const recipes = [
    places(),
    places().user(0).capabilities('sys_admin', 'dac_override', 'dac_read_search', 'sys_chroot'),
  ]
  for (const recipe of recipes)
    assert.equal(await ask(recipe.landlock(rules), 'landlock-all', 'try-open /out/b', 'try-open /in/a'), [
      'ok',
      'EACCES',
      'ok',
    ])
  const admin = recipes[1]?.landlock(rules) as Sandbox
  assert.equal(await ask(admin, 'try-mount /in', 'try-umount /out'), ['EPERM', 'EPERM'])
})

test(
  'no process but its own can be traced, with sys_ptrace either',
  async (t) => {
    const recipe = box().user(0).capabilities('sys_ptrace')
    for (const [rules, answers] of [
      [{ execute: ['/'] }, ['EPERM', 'EPERM']],
      [undefined, ['EPERM', 'ok']],
    ] as const) {
      const open = await (rules ? recipe.landlock(rules) : recipe).open()
      t.cleanUp(() => open.close())
      const other = await open.spawn('/probe', ['pids', ',', 'sleep', '20'])
      const { self } = JSON.parse(await firstText(other.stdout, '\n'))
      const { stdout } = await open.run('/probe', ['try-ptrace', '1', ',', 'try-ptrace', `${self}`])
      assert.equal(stdout.trim().split('\n'), [...answers])
      await open.close()
    }
  },
  { needs: [cgroup2, root] },
)

test('every command of a box is under the rules, and what one puts in the place of a path gives the next nothing', async (t) => {
  const recipe = places()
    .file('/out/d/x', 'X')
    .user(0)
    .landlock({ read: ['/out/d'], execute: ['/probe'] })
  const open = await recipe.open()
  t.cleanUp(() => open.close())
  const run = async (...args: string[]) => (await open.run('/probe', args)).stdout.trim().split('\n')
  assert.equal(await run('try-open', '/out/d/x', ',', 'try-open', '/in/a'), ['ok', 'EACCES'])
  assert.equal(await run('rename', '/out/d', '/out/e', ',', 'symlink', '/in', '/out/d', ',', 'say', 'swapped'), [
    'swapped',
  ])
  assert.equal(await run('try-open', '/out/d/a', ',', 'try-open', '/out/e/x'), ['EACCES', 'ok'])
})

test('each run of a pool that keeps its boxes is under rules for its own places', async (t) => {
  const readonly = sandbox().bind(probe(), '/probe').landlock(writable('/tmp'))
  assert.ok(readonly.plan().resettable)
  assert.is(readonly.landlock({ read: ['/tmp/below'] }).plan().resettable, false)
  const pool = new SandboxPool({ recipe: readonly, concurrency: 1, warm: 1, reuse: true })
  t.cleanUp(() => pool.close())
  for (let round = 0; round < 3; round++) {
    assert.ok((await pool.run('/probe', ['touch', '/tmp/new'])).ok)
    assert.match((await pool.run('/probe', ['touch', '/dev/shm/new'])).stderr, /EACCES/)
  }
})

test(
  'TCP ports that may be bound and connected to, and no others',
  async () => {
    const rules = { bindTcp: [8080, 9090], connectTcp: [8080] }
    for (const recipe of [box(), box().user(0).capabilities('net_admin', 'net_raw', 'net_bind_service')]) {
      const commands = ['listen 8080', 'listen 9090', 'listen 7070', 'connect 127.0.0.1 8080', 'connect 127.0.0.1 9090']
      const answers = ['ok', 'ok', 'EACCES', 'ok', 'EACCES']
      assert.equal(await ask(recipe.landlock(rules), ...commands, 'in-child connect 127.0.0.1 9090'), [
        ...answers,
        ...['EACCES', 'exited 0'],
      ])
    }
    assert.equal(await ask(box().landlock({ bindTcp: [] }), 'listen 8080', 'connect 127.0.0.1 8080'), [
      'EACCES',
      'ECONNREFUSED',
    ])
    assert.equal(await ask(box().landlock({ bindTcp: [0] }), 'listen 0', 'listen 8080'), ['ok', 'EACCES'])
  },
  PORTS,
)

test(
  'neither MPTCP nor TCP Fast Open gets round the rules for ports',
  async () => {
    const recipe = box().landlock({ connectTcp: [] })
    const sending = ['sendto', 'sendmsg', 'sendmmsg'].map((call) => `connect-by-sending ${call} 8080`)
    assert.equal(await ask(recipe, 'listen 8080', ...sending), ['ok', 'EOPNOTSUPP', 'EOPNOTSUPP', 'EOPNOTSUPP'])
    const protocols = ['connect-by 6 8080', 'connect-by 262 8080', 'connect-by 256 8080']
    const refused = ['EACCES', 'EPROTONOSUPPORT', 'EPROTONOSUPPORT']
    assert.equal(await ask(recipe, 'listen 8080', ...protocols), ['ok', ...refused])
    const profile = { defaultAction: 'SCMP_ACT_ALLOW' }
    assert.equal(await ask(recipe.seccomp(profile), 'listen 8080', ...protocols, ...sending.slice(0, 1)), [
      ...['ok', ...refused],
      'EOPNOTSUPP',
    ])
  },
  PORTS,
)

test(
  'commands are sent to those devices that are named',
  async () => {
    const asked = ['try-ioctl /dev/null', 'try-ioctl /dev/zero']
    assert.equal(await ask(box().landlock({ ioctl: ['/dev/null'] }), ...asked), ['ENOTTY', 'EACCES'])
    assert.equal(await ask(box().landlock({ ioctl: [] }), ...asked), ['EACCES', 'EACCES'])
  },
  DEVICES,
)

test(
  'signals and abstract sockets do not reach other commands of the box',
  async (t) => {
    for (const [scope, kill, connect] of [
      [['signal', 'abstract_unix_socket'], 'EPERM', 'EPERM'],
      [['signal'], 'EPERM', 'ok'],
      [undefined, 'ok', 'ok'],
    ] as const) {
      const open = await (scope ? box().landlock({ scope }) : box()).open()
      t.cleanUp(() => open.close())
      const other = await open.spawn('/probe', ['pids', ',', 'listen-abstract', 'name'])
      const [line = '{}'] = (await firstText(other.stdout, 'listening\n')).split('\n')
      const { self } = JSON.parse(line)
      const { stdout } = await open.run('/probe', ['connect-abstract', 'name', ',', 'try-kill', `${self}`, '15'])
      assert.equal(stdout.trim().split('\n'), [connect, kill], String(scope))
      await open.close()
    }
  },
  { ...SCOPES, needs: cgroup2 },
)

test('paths are those inside, links are followed, and one that is missing is named', async () => {
  const recipe = places().symlink('/in', '/link')
  const linked = recipe.landlock({ read: ['/link'], execute: ['/probe'] })
  assert.equal(await ask(linked, 'try-open /in/a', 'try-open /link/a', 'try-open /out/b'), ['ok', 'ok', 'EACCES'])
  for (const [path, code] of [
    ['/nowhere/at/all', 'ENOENT'],
    ['/in/a/below', 'ENOTDIR'],
    ['/dev/stdin', 'ELOOP'], // by way of a link that is no text
  ]) {
    const error = await setupFailure(recipe.landlock({ read: ['/in', path as string] }).run('/true'))
    assert.equal([error.step, error.path, error.code], ['landlock', path, code])
    assert.match(error.hint ?? '', /landlock\(\)/)
  }
})

test('a command that its own rules forbid is an error that says so', async () => {
  const error = await setupFailure(
    places()
      .landlock({ execute: ['/in'] })
      .run('/true'),
  )
  assert.equal([error.step, error.code, error.path], ['exec', 'EACCES', '/true'])
  assert.match(error.hint ?? '', /landlock\(\) does not let it be executed/)
})

test(
  "in the host's own root the paths are the host's",
  async () => {
    const recipe = sandbox()
      .share('mount')
      .landlock({ read: ['/proc'], execute: [dirname(probe())] })
    const { stdout } = await recipe.run(probe(), ['try-open', '/proc/self/status', ',', 'try-open', '/etc'])
    assert.is(stdout, 'ok\nEACCES\n')
  },
  { needs: root },
)

test(
  'a caller without privileges has it, too',
  async () => {
    const answer = await asCaller(
      `const recipe = box().tmpfs('/in').file('/in/a', 'A').tmpfs('/out').file('/out/b', 'B')
       const rules = { read: ['/in'], execute: ['/probe'] }
       const asked = ['try-open /in/a', 'try-open /out/b', 'in-child try-open /out/b']
       return [await ask(recipe.landlock(rules), ...asked), await ask(recipe.user(0).landlock(rules), ...asked)]`,
    )
    const answers = ['ok', 'EACCES', 'EACCES', 'exited 0']
    assert.equal(answer, [answers, answers])
  },
  { needs: unprivilegedCaller },
)

for (const [answer, says] of [
  ['ENOSYS', /CONFIG_SECURITY_LANDLOCK/],
  ['EOPNOTSUPP', /lsm=/],
  ['EPERM', /answers EPERM/],
] as const) {
  test(
    `where the kernel answers ${answer} rules are an error with the remedy, and other recipes work`,
    async () => {
      const [refused, other] = await askOn<[Refusal, string]>(
        { filter: [answer, 'landlock_create_ruleset'] },
        `const refused = await refusal(box().landlock({ read: ['/'] }).run('/true'))
         return [refused, (await box().run('/true')).outcome]`,
      )
      assert.equal([refused.name, refused.feature], ['SandboxUnsupportedError', 'landlock'])
      assert.match(refused.message ?? '', says)
      assert.is(other, 'exited')
    },
    { needs: root },
  )
}

all.run()
