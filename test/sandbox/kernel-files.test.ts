// /proc and /dev inside: what is masked, what is read-only, which devices there are, and that none of it can be undone.
import { readdirSync, statSync } from 'node:fs'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, type FileInfo } from '../support/ask.js'
import { box } from '../support/boxes.js'
import { cgroup2, command, controller, root } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('kernel files', { warmUp: true })

const RECIPES: [name: string, recipe: () => Sandbox, needsRoot: boolean][] = [
  ['the default user', () => box(), false],
  ['root inside', () => box().user(0), false],
  ["the host's root", () => box().share('user'), true],
]

const MASKED = ['kcore', 'keys', 'timer_list', 'sched_debug', 'latency_stats', 'kmsg', 'acpi', 'asound', 'scsi']
const READ_ONLY = ['sys', 'bus', 'fs', 'irq', 'sysrq-trigger']

// unshare(2)
const CLONE_NEWUSER = 0x1000_0000
const CLONE_NEWNS = 0x2_0000
const CLONE_NEWCGROUP = 0x200_0000

/** Those of /proc that this kernel has, and what they are. */
function inProc(names: readonly string[]): { path: string; directory: boolean }[] {
  const present = readdirSync('/proc')
  return names
    .filter((name) => present.includes(name))
    .map((name) => ({ path: `/proc/${name}`, directory: statSync(`/proc/${name}`).isDirectory() }))
}

for (const [name, recipe, needsRoot] of RECIPES) {
  const options = needsRoot ? { needs: root } : {}

  test(
    `what tells about the host reads empty (${name})`,
    async () => {
      const masked = inProc(MASKED)
      assert.ok(masked.length > 1)
      for (const { path, directory } of masked) {
        const { stdout, stderr } = await recipe().run('/probe', [directory ? 'ls' : 'read', path])
        assert.is(stdout + stderr, directory ? '[]\n' : '', path)
        const answer = await ask(recipe(), `try-open-writable ${path}`)
        assert.ok(['EACCES', 'EROFS', 'EISDIR'].includes(answer[0] ?? ''), `${path}: ${answer[0]}`)
      }
    },
    options,
  )

  test(
    `what acts on the host is read-only (${name})`,
    async () => {
      for (const { path } of inProc(READ_ONLY)) {
        const [state] = await ask<[{ readOnly: boolean }]>(recipe(), `statfs ${path}`)
        assert.is(state.readOnly, true, path)
      }
      for (const path of [
        '/proc/sys/kernel/hostname',
        '/proc/sys/vm/overcommit_memory',
        '/proc/sys/kernel/core_pattern',
      ]) {
        const [answer = ''] = await ask(recipe(), `try-open-writable ${path}`)
        assert.ok(['EACCES', 'EROFS'].includes(answer), `${path}: ${answer}`)
      }
    },
    options,
  )

  test(
    `no mount can be added, changed or taken away (${name})`,
    async () => {
      const questions = ['/', '/proc', '/proc/sys', '/dev', '/tmp'].flatMap((path) => [
        `try-mount ${path}`,
        `try-remount-writable ${path}`,
        `try-umount ${path}`,
      ])
      const answers = await ask(recipe().seccomp('off'), ...questions)
      assert.equal(
        answers.filter((answer) => answer !== 'EPERM'),
        [],
      )
    },
    options,
  )

  test(
    `there is the smallest useful set of devices, and each is what it says (${name})`,
    async () => {
      const names = ['fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty']
      const [listed] = await ask<[string[]]>(recipe(), 'ls /dev')
      assert.equal(listed, [...names, 'urandom', 'zero'])
      const devices = { null: '1:3', zero: '1:5', full: '1:7', random: '1:8', urandom: '1:9', tty: '5:0' }
      for (const [name, device] of Object.entries(devices)) {
        const [info] = await ask<[FileInfo]>(recipe(), `stat /dev/${name}`)
        assert.equal([info.type, info.mode, info.device], ['character device', '666', device], name)
      }
      const links = {
        fd: '/proc/self/fd',
        stdin: '/proc/self/fd/0',
        stdout: '/proc/self/fd/1',
        stderr: '/proc/self/fd/2',
      }
      for (const [name, target] of Object.entries({ ...links, ptmx: 'pts/ptmx' }))
        assert.equal(await ask(recipe(), `readlink /dev/${name}`), [target])
      assert.equal(
        await ask(recipe(), 'try-open-writable /dev/null', 'try-open /dev/zero', 'try-open /dev/ptmx'),
        Array(3).fill('ok'),
      )
    },
    options,
  )
}

test('pseudo-terminals are its own', async () => {
  const [inside] = await ask<[string[]]>(box(), 'ls /dev/pts')
  assert.equal(inside, ['ptmx'])
  const shm = await ask<[string[], string[]]>(box(), 'ls /dev/shm', 'ls /dev/mqueue')
  assert.equal(shm, [[], []])
})

test('devices are the same where the recipe adds something to /dev', async () => {
  const recipe = box().tmpfs('/dev/mine')
  const [listed, info] = await ask<[string[], FileInfo]>(recipe, 'ls /dev', 'stat /dev/null')
  assert.ok(listed.includes('mine') && listed.includes('zero'))
  assert.equal([info.type, info.device], ['character device', '1:3'])
})

test('pipes can be opened by their names in /dev', async () => {
  const script = 'echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin; cat /proc/self/fd/0'
  for (const recipe of [sandbox(), sandbox().user(0)]) {
    const { stdout, stderr } = await recipe.run('sh', ['-c', script], { input: 'in' })
    assert.equal([stdout, stderr], ['out\nin', 'err\n'])
    const child = await recipe.spawn('sh', ['-c', 'cat /dev/stdin > /dev/stdout'])
    child.stdin?.end('through')
    let text = ''
    for await (const chunk of child.stdout ?? []) text += chunk
    assert.is(text, 'through')
    assert.is((await child.wait()).exitCode, 0)
  }
})

test(
  '/proc is hardened alike when it is that of the host',
  async () => {
    const recipe = box().share('pid')
    for (const { path, directory } of inProc(MASKED)) {
      const { stdout } = await recipe.run('/probe', [directory ? 'ls' : 'read', path])
      assert.is(stdout, directory ? '[]\n' : '', path)
    }
    const [state] = await ask<[{ readOnly: boolean }]>(recipe, 'statfs /proc/sys')
    assert.is(state.readOnly, true)
  },
  { needs: [root, cgroup2] },
)

for (const [name, recipe] of [
  ['the default user', () => box()] as const,
  ['root inside', () => box().user(0)] as const,
]) {
  test(`a user namespace within takes no mask away (${name})`, async (t) => {
    const [unshared, ...answers] = await ask(
      recipe().seccomp('off'),
      `try-unshare ${CLONE_NEWUSER | CLONE_NEWNS}`,
      'try-mount /tmp',
      'try-remount-writable /proc/sys',
      'try-umount /proc/sys',
      'try-umount /proc/keys',
      'try-umount /proc',
      'try-open-writable /proc/sys/kernel/hostname',
    )
    if (unshared !== 'ok') t.skip('needs user namespaces within user namespaces')
    assert.equal(answers, ['ok', 'EPERM', 'EINVAL', 'EINVAL', 'EINVAL', 'EACCES'])
  })

  test(
    `a user namespace within gives no power over control groups (${name})`,
    async (t) => {
      let seen = 0
      const files = [
        'memory.limit_in_bytes',
        'memory.max',
        'pids.max',
        'cgroup.freeze',
        'cgroup.subtree_control',
        'release_agent',
      ]
      const limited = recipe().seccomp('off').limits({ memory: '64MiB', pids: 10 })
      for (const [type, data] of [
        ['cgroup2', ''],
        ['cgroup', 'memory'],
        ['cgroup', 'pids'],
        ['cgroup', 'cpu'],
      ]) {
        const [, mounted, ...answers] = await ask(
          limited,
          `try-unshare ${CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP}`,
          `try-mount /tmp ${type} ${data}`.trimEnd(),
          ...files.map((file) => `try-open-writable /tmp/${file}`),
        )
        if (mounted !== 'ok') continue
        seen++
        assert.equal(
          answers.filter((answer) => answer !== 'EACCES' && answer !== 'ENOENT'),
          [],
          type,
        )
      }
      if (seen === 0) t.skip('needs control groups that can be mounted in a user namespace')
    },
    // The groups of any other caller belong to the command's own id, and the plan warns of it: see rootless-limits.
    { needs: [root, controller('memory'), controller('pids')] },
  )
}

test(
  'an unmasked /proc cannot be mounted in namespaces within',
  async () => {
    const unshare = ['--user', '--map-root-user', '--mount', '--pid', '--fork']
    const mount = ['mount', '-t', 'proc', 'proc', '/proc']
    const { exitCode, stderr } = await sandbox()
      .seccomp('off')
      .run('unshare', [...unshare, ...mount])
    assert.is.not(exitCode, 0)
    assert.match(stderr, /denied|not permitted/)
    assert.is(
      (
        await sandbox()
          .seccomp('off')
          .run('unshare', [...unshare, 'true'])
      ).exitCode,
      0,
      'namespaces within can be had',
    )
  },
  { needs: [command('unshare'), root] },
)

test(
  'what is masked can be read where it is not',
  () => {
    const answers = askHost(...inProc(['keys', 'timer_list']).map(({ path }) => `try-open ${path}`))
    assert.equal(
      answers.filter((answer) => answer !== 'ok'),
      [],
    )
  },
  { needs: root },
)

test.run()
