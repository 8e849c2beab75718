// rootfs() of one directory: its three modes, and what every root has whatever the directory lacks.
import { chownSync, existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, lines, says, setupFailure } from '../support/inside.js'
import { tinyRootfs } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'
import { listing, plant, tree, withMode } from '../support/trees.js'

const test = suite('rootfs', { warmUp: true })
const DEVICES = ['fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty']

interface FileSystem {
  blockSize: number
  blocks: number
  readOnly: boolean
  noSuid: boolean
  noDev: boolean
}

/** A directory of the test's own with the probe in it. */
function ownRootfs(t: TestContext, entries = {}): string {
  const made = tinyRootfs()
  t.cleanUp(() => made.remove())
  return plant(made.path, entries)
}

test('a directory becomes the root, and nothing of the host is around it', async () => {
  assert.equal(await json(box(), 'ls', '/'), ['dev', 'probe', 'proc', 'tmp', 'true'])
  assert.equal(await json(box(), 'ls', '/..'), ['dev', 'probe', 'proc', 'tmp', 'true'])
})

test('a relative path is resolved when the recipe is made', async (t) => {
  const directory = ownRootfs(t)
  const before = process.cwd()
  t.cleanUp(() => process.chdir(before))
  process.chdir(directory)
  const recipe = sandbox().rootfs('.')
  process.chdir('/')
  assert.ok((await recipe.run('/true')).ok)
})

test(
  'writing, deleting, renaming and changing modes inside leaves the directory as it was',
  async (t) => {
    const directory = ownRootfs(t, { etc: { motd: 'old', doomed: 'x', moved: 'y' }, empty: {} })
    const before = listing(directory)
    const recipe = sandbox().rootfs(directory).user(0).capabilities('chown')
    const seen = await lines(
      recipe,
      ...['write', '/etc/motd', 'new', ',', 'unlink', '/etc/doomed', ',', 'rename', '/etc/moved', '/etc/here', ','],
      ...[
        'chmod',
        '777',
        '/probe',
        ',',
        'chown',
        '7',
        '8',
        '/etc/here',
        ',',
        'rmdir',
        '/empty',
        ',',
        'mkdir',
        '/made',
        ',',
      ],
      ...['ls', '/', ',', 'ls', '/etc', ',', 'read', '/etc/motd'],
    )
    assert.equal(seen, ['["dev","etc","made","probe","proc","tmp","true"]', '["here","motd"]', 'new'])
    assert.equal(listing(directory), before)
  },
  { needs: root },
)

test('the next sandbox of the same recipe sees nothing of what an earlier one wrote', async () => {
  const recipe = box().user(0)
  await says(recipe, 'write', '/left', 'behind')
  assert.is(await fails(recipe, 'read', '/left'), 'open: ENOENT')
})

test('the layer in memory has the stated size, and one that is full gives ENOSPC', async () => {
  const recipe = sandbox().rootfs(probeRootfs, { size: '8MiB' }).user(0)
  const { blockSize, blocks } = await json<FileSystem>(recipe, 'statfs', '/')
  assert.is(blockSize * blocks, 8 * 2 ** 20)
  await says(recipe, 'write-file', '/most', String(7 * 2 ** 20))
  assert.is(await fails(recipe, 'write-file', '/more', String(9 * 2 ** 20)), 'write: ENOSPC')
})

test('a layer that is full can be emptied and written again', async () => {
  const recipe = sandbox().rootfs(probeRootfs, { size: '1MiB' }).user(0)
  const fill = ['in-child', 'write-file', '/most', String(2 * 2 ** 20)]
  const text = await lines(
    recipe,
    ...fill,
    ',',
    'unlink',
    '/most',
    ',',
    'write-file',
    '/less',
    '500000',
    ',',
    'ls',
    '/',
  )
  assert.equal(text, ['exited 1', '["dev","less","probe","proc","tmp","true"]'])
})

test('without options the layer in memory holds 256 MiB', async () => {
  const { blockSize, blocks } = await json<FileSystem>(box(), 'statfs', '/')
  assert.is(blockSize * blocks, 256 * 2 ** 20)
})

test("mode 'readonly' refuses every change of the root, and leaves /tmp and /dev/shm to write to", async (t) => {
  const directory = ownRootfs(t, { etc: { motd: 'old' } })
  const before = listing(directory)
  const recipe = sandbox().rootfs(directory, { mode: 'readonly' }).user(0)
  assert.is(await fails(recipe, 'write', '/new', 'x'), 'open: EROFS')
  assert.is(await fails(recipe, 'write', '/etc/motd', 'x'), 'open: EROFS')
  assert.is(await fails(recipe, 'unlink', '/etc/motd'), 'unlink: EROFS')
  assert.is(await fails(recipe, 'mkdir', '/etc/d'), 'mkdir: EROFS')
  assert.is(await fails(recipe, 'chmod', '777', '/etc/motd'), 'chmod: EROFS')
  assert.is(await says(recipe, 'write', '/tmp/a', 'one', ',', 'read', '/tmp/a'), 'one')
  assert.is(await says(recipe, 'write', '/dev/shm/a', 'two', ',', 'read', '/dev/shm/a'), 'two')
  assert.equal(listing(directory), before)
})

test("mode 'readonly' cannot be remounted writable by the sandbox's own root", async () => {
  const recipe = sandbox().rootfs(probeRootfs, { mode: 'readonly' }).user(0)
  assert.is(await says(recipe.seccomp('off'), 'try-remount-writable', '/'), 'EPERM\n')
})

test("mode 'readonly' unites several layers, too", async (t) => {
  const layer = tree(t, { etc: { motd: 'upper one' } })
  const recipe = sandbox().rootfs([probeRootfs, layer], { mode: 'readonly' }).user(0)
  assert.is(await says(recipe, 'read', '/etc/motd'), 'upper one')
  assert.is(await fails(recipe, 'write', '/etc/motd', 'x'), 'open: EROFS')
})

test("mode 'writable' changes the directory itself", async (t) => {
  const directory = ownRootfs(t, { etc: { motd: 'old', doomed: 'x' } })
  const recipe = sandbox().rootfs(directory, { mode: 'writable' }).user(0)
  await says(recipe, 'write', '/etc/motd', 'new', ',', 'unlink', '/etc/doomed', ',', 'mkdir', '/made')
  assert.is(readFileSync(join(directory, 'etc/motd'), 'utf8'), 'new')
  assert.equal(readdirSync(join(directory, 'etc')), ['motd'])
  assert.ok(statSync(join(directory, 'made')).isDirectory())
})

test(
  "mode 'writable' keeps ids: what user 1000 makes inside belongs to 1000 outside",
  async (t) => {
    const directory = ownRootfs(t, { work: withMode(0o777, {}), theirs: 'x' })
    chownSync(join(directory, 'theirs'), 7, 8)
    const recipe = sandbox().rootfs(directory, { mode: 'writable' })
    await says(recipe.user(1000, 100), 'write', '/work/mine', 'x')
    await says(recipe.user(0), 'write', '/work/roots', 'x')
    const owner = (name: string) => [statSync(join(directory, name)).uid, statSync(join(directory, name)).gid]
    assert.equal(
      [owner('work/mine'), owner('work/roots')],
      [
        [1000, 100],
        [0, 0],
      ],
    )
    const { uid, gid } = await json<{ uid: number; gid: number }>(recipe, 'stat', '/theirs')
    assert.equal([uid, gid], [7, 8])
  },
  { needs: root },
)

for (const mode of ['overlay', 'readonly', 'writable'] as const) {
  test(`/proc, /dev and /tmp are there in mode '${mode}' also when the directory lacks them`, async (t) => {
    const directory = ownRootfs(t)
    const recipe = sandbox().rootfs(directory, { mode })
    const devices = await json<string[]>(recipe, 'ls', '/dev')
    assert.equal(devices, [...DEVICES, 'urandom', 'zero'])
    assert.match(await says(recipe, 'read', '/proc/self/status'), /^Name:\s+probe$/m)
    assert.is(
      await says(recipe, 'write', '/dev/null', 'x', ',', 'write', '/tmp/a', 'kept', ',', 'read', '/tmp/a'),
      'kept',
    )
    assert.is((await json<{ mode: string }>(recipe, 'stat', '/tmp')).mode, '1777')
    const made = ['dev', 'proc', 'tmp'].map((name) => existsSync(join(directory, name)))
    assert.equal(made, Array(3).fill(mode === 'writable'))
  })
}

test('devices of a rootfs are no devices inside, and its set-user-id bits do not count', async (t) => {
  const directory = ownRootfs(t)
  for (const mode of ['overlay', 'readonly', 'writable'] as const) {
    const { noSuid, noDev } = await json<FileSystem>(sandbox().rootfs(directory, { mode }), 'statfs', '/')
    assert.equal({ noSuid, noDev }, { noSuid: true, noDev: true })
  }
})

test(
  "owners in a rootfs look right inside: root's private file is root's",
  async (t) => {
    const directory = ownRootfs(t, { secret: withMode(0o600, 'for root') })
    const recipe = sandbox().rootfs(directory)
    assert.is(await says(recipe.user(0), 'read', '/secret'), 'for root')
    assert.is(await fails(recipe.user(1000), 'read', '/secret'), 'open: EACCES')
  },
  { needs: root },
)

test(
  'a rootfs that only its owner may enter serves a root caller all the same',
  async (t) => {
    const outer = tree(t, { private: withMode(0o700, {}) })
    const made = tinyRootfs()
    t.cleanUp(() => made.remove())
    renameSync(made.path, join(outer, 'private/rootfs'))
    assert.ok((await sandbox().rootfs(join(outer, 'private/rootfs')).run('/true')).ok)
  },
  { needs: root },
)

test('a rootfs with nothing in it can be entered, and lacks only the program', async (t) => {
  const { step, code, path } = await setupFailure(sandbox().rootfs(tree(t)).run('/true'))
  assert.equal([step, code, path], ['exec', 'ENOENT', '/true'])
})

test.run()
