// Whose files are whose: through binds the host's root stays a stranger, in a rootfs owners look right.
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, type FileInfo, type Ids } from '../support/ask.js'
import { box } from '../support/boxes.js'
import { run } from '../support/command.js'
import { command, root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('ownership', { warmUp: true })

const NO_CAPABILITIES = { effective: '0', permitted: '0', inheritable: '0', bounding: '0', ambient: '0' }

/** umask does not count here. */
function write(path: string, mode: number, uid = 0): void {
  writeFileSync(path, 'content')
  chownSync(path, uid, uid)
  chmodSync(path, mode)
}

/** A directory of the host's root that anybody may write to, with files and a directory that are root's alone. */
function sharedDirectory(t: TestContext): string {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  write(join(directory, 'public'), 0o644)
  write(join(directory, 'private'), 0o600)
  write(join(directory, 'everybody'), 0o666)
  mkdirSync(join(directory, 'directory'), { mode: 0o755 })
  return directory
}

const USERS: [name: string, of: (recipe: Sandbox) => Sandbox][] = [
  ['the default user', (recipe) => recipe],
  ['root inside', (recipe) => recipe.user(0)],
  [
    'root inside with capabilities over files',
    (recipe) =>
      recipe.user(0).capabilities('dac_override', 'dac_read_search', 'chown', 'fowner', 'setuid', 'sys_admin'),
  ],
]

for (const [name, of] of USERS) {
  test(
    `${name} can neither write files of the host's root nor read its private ones through a bind`,
    async (t) => {
      const directory = sharedDirectory(t)
      for (const writable of [false, true]) {
        const recipe = of(box().bind(directory, '/d', { writable }))
        const answers = await ask(
          recipe,
          'try-open /d/public',
          'try-open-writable /d/public',
          'try-open /d/private',
          'try-open-writable /d/private',
          'try-open-writable /d/everybody',
        )
        assert.equal(answers, ['ok', 'EACCES', 'EACCES', 'EACCES', writable ? 'ok' : 'EROFS'])
        for (const args of [
          'touch /d/directory/new',
          'chmod 666 /d/public',
          'chown 0 0 /d/public',
          'chown 0 0 /d/private',
        ]) {
          const { exitCode, stderr } = await recipe.run('/probe', args.split(' '))
          assert.is(exitCode, 1, args)
          assert.match(stderr, /EACCES|EPERM|EROFS/, args)
        }
      }
      assert.is(statSync(join(directory, 'public')).mode & 0o7777, 0o644)
      assert.is(readFileSync(join(directory, 'public'), 'utf8'), 'content')
    },
    { needs: root },
  )
}

test(
  "a writable bind of a directory for everybody takes the sandbox's files, which are nobody's on the host",
  async (t) => {
    const directory = sharedDirectory(t)
    const recipe = box().bind(directory, '/d', { writable: true })
    const [file] = await ask<[FileInfo]>(recipe, 'write /d/new text', 'stat /d/new')
    assert.equal([file.uid, file.gid, file.mode], [1000, 1000, '644'])
    const { uid, gid } = statSync(join(directory, 'new'))
    assert.equal([uid, gid], [101_000, 101_000])
    assert.is(readFileSync(join(directory, 'new'), 'utf8'), 'text')

    await ask(recipe.user(0), 'touch /d/by-root')
    assert.is(statSync(join(directory, 'by-root')).uid, 100_000)
    const [foreign] = await ask<[FileInfo]>(recipe, 'stat /d/public')
    assert.equal([foreign.uid, foreign.gid], [65_534, 65_534])
  },
  { needs: root },
)

test('a bind is read-only unless told, also for what everybody may write', async (t) => {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  const recipe = box().bind(directory, '/d')
  const { exitCode, stderr } = await recipe.run('/probe', ['touch', '/d/new'])
  assert.is(exitCode, 1)
  assert.match(stderr, 'EROFS')
  await ask(box().bind(directory, '/d', { writable: true }), 'touch /d/new')
})

/** A rootfs with the probe and a few files of root's and of user 1000's. */
function rootfsWithOwners(t: TestContext): string {
  const directory = t.tempDir()
  copyFileSync(probe(), join(directory, 'probe'))
  write(join(directory, 'of-root'), 0o600)
  write(join(directory, 'of-1000'), 0o600, 1000)
  return directory
}

for (const mode of ['overlay', 'readonly', 'writable'] as const) {
  test(
    `owners in a rootfs are inside what they are on the host (${mode})`,
    async (t) => {
      const directory = rootfsWithOwners(t)
      const recipe = sandbox().rootfs(directory, { mode })
      const [ofRoot, ofUser] = await ask<[FileInfo, FileInfo]>(recipe, 'stat /of-root', 'stat /of-1000')
      assert.equal([ofRoot.uid, ofRoot.gid, ofUser.uid, ofUser.gid], [0, 0, 1000, 1000])

      const questions = [
        'try-open /of-root',
        'try-open /of-1000',
        'try-open-writable /of-root',
        'try-open-writable /of-1000',
      ]
      const written = mode === 'readonly' ? 'EROFS' : 'ok'
      assert.equal(await ask(recipe, ...questions), ['EACCES', 'ok', 'EACCES', written])
      // Root inside has no capability that would let it read what is another user's.
      assert.equal(await ask(recipe.user(0), ...questions), ['ok', 'EACCES', written, 'EACCES'])
      assert.equal(await ask(recipe.user(0).capabilities('dac_override'), 'try-open /of-1000'), ['ok'])
    },
    { needs: root },
  )
}

test(
  'what changes owners in an overlay changes none on the host',
  async (t) => {
    const directory = rootfsWithOwners(t)
    const recipe = sandbox().rootfs(directory).user(0).capabilities('chown', 'fowner')
    const [file] = await ask<[FileInfo]>(recipe, 'chown 7 8 /of-root', 'chmod 666 /of-root', 'stat /of-root')
    assert.equal([file.uid, file.gid, file.mode], [7, 8, '666'])
    const { uid, gid, mode } = statSync(join(directory, 'of-root'))
    assert.equal([uid, gid, mode & 0o7777], [0, 0, 0o600])
  },
  { needs: root },
)

test(
  'set-user-id programs and file capabilities give nothing, in a rootfs and through a bind',
  async (t) => {
    const directory = rootfsWithOwners(t)
    const programs = t.tempDir()
    for (const place of [directory, programs]) {
      copyFileSync(probe(), join(place, 'set-id'))
      chmodSync(join(place, 'set-id'), 0o6755)
      copyFileSync(probe(), join(place, 'capable'))
      chmodSync(join(place, 'capable'), 0o755)
      const { code, stderr } = await run('setcap', ['cap_net_raw,cap_dac_override+ep', join(place, 'capable')])
      assert.is(code, 0, stderr)
    }
    for (const recipe of [sandbox().rootfs(directory), sandbox().rootfs(directory).share('user')]) {
      const user = recipe.plan().identity.uid
      for (const file of ['/set-id', '/capable', '/d/set-id', '/d/capable']) {
        const result = await recipe.bind(programs, '/d').run(file, ['ids', ',', 'caps'])
        const [ids, caps] = result.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)) as [Ids, Record<string, string>]
        assert.equal([...ids.uid, ...ids.gid], Array(6).fill(user), file)
        assert.equal(
          Object.fromEntries(Object.entries(caps).map(([set, bits]) => [set, bits.replace(/^0+/, '0')])),
          NO_CAPABILITIES,
        )
      }
    }
    const [file] = await ask<[FileInfo]>(sandbox().rootfs(directory), 'stat /set-id')
    assert.equal([file.uid, file.mode], [0, '6755'], 'the bits are there')
  },
  { needs: [root, command('setcap')] },
)

test(
  'device nodes in a rootfs and in a bind cannot be opened, and none can be made',
  async (t) => {
    const directory = rootfsWithOwners(t)
    const devices = t.tempDir()
    for (const place of [directory, devices])
      askHost(`mknod ${join(place, 'zero')} 1 5`, `chmod 666 ${join(place, 'zero')}`)
    assert.equal(askHost(`try-open ${join(devices, 'zero')}`), ['ok'])
    for (const recipe of [sandbox().rootfs(directory), sandbox().rootfs(directory).share('user')]) {
      const bound = recipe.bind(devices, '/d', { writable: true })
      assert.equal(await ask(bound, 'try-open /zero', 'try-open /d/zero', 'try-open /dev/zero'), [
        'EACCES',
        'EACCES',
        'ok',
      ])
      for (const capable of [bound, bound.capabilities('mknod')]) {
        const { stdout, stderr } = await capable.run('/probe', [
          'mknod',
          '/tmp/zero',
          '1',
          '5',
          ',',
          'try-open',
          '/tmp/zero',
        ])
        assert.ok(/EPERM/.test(stderr) || stdout === 'EACCES\n', `${stdout}${stderr}`)
      }
    }
  },
  { needs: root },
)

test.run()
