// file(), symlink() and mask(): single entries that a recipe puts into the root, or hides in it.
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, lines, says, setupFailure } from '../support/inside.js'
import { probe } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'
import { type Entries, link, listing, plant, tree, withMode } from '../support/trees.js'

const test = suite('files', { warmUp: true })

function over(t: TestContext, entries: Entries): Sandbox {
  return sandbox().rootfs([probeRootfs, tree(t, entries)])
}

interface Stat {
  type: string
  mode: string
  uid: number
  gid: number
  size: number
}

test(
  'a file has its content, its parents, and root as its owner',
  async () => {
    const recipe = box().file('/etc/app/config', 'key = value\n')
    assert.is(await says(recipe, 'read', '/etc/app/config'), 'key = value\n')
    const { mode, uid, gid } = await json<Stat>(recipe.user(1000), 'stat', '/etc/app/config')
    assert.equal([mode, uid, gid], ['644', 0, 0])
    assert.is(await fails(recipe, 'append', '/etc/app/config', 'x'), 'open: EACCES')
  },
  { needs: root },
)

for (const mode of [0o600, 0o755, 0o777, 0o4755, 0]) {
  test(`a file can have mode ${mode.toString(8)}, whatever the caller's umask`, async (t) => {
    const before = process.umask(0o077)
    t.cleanUp(() => process.umask(before))
    const recipe = box().file('/a/b/made', 'x', { mode })
    assert.is((await json<Stat>(recipe, 'stat', '/a/b/made')).mode, mode.toString(8))
    assert.is((await json<Stat>(recipe, 'stat', '/a')).mode, '755')
  })
}

test('a file may be empty, may hold any bytes, and is copied when the recipe is made', async () => {
  const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i % 256)
  const recipe = box().file('/empty', '').file('/bytes', bytes).file('/text', 'zażółć')
  bytes.fill(0)
  assert.is((await json<Stat>(recipe, 'stat', '/empty')).size, 0)
  const { stdout } = await recipe.run('/probe', ['read', '/bytes'], { encoding: 'buffer' })
  assert.equal(
    [...stdout],
    Array.from({ length: 1024 }, (_, i) => i % 256),
  )
  assert.is(await says(recipe, 'read', '/text'), 'zażółć')
})

test('a program can be put in place as a file, and run', async () => {
  const recipe = sandbox().file('/opt/probe', readFileSync(probe()), { mode: 0o755 })
  const result = await recipe.run('/opt/probe', ['say', 'hello'])
  assert.ok(result.ok && result.stdout.startsWith('hello'), result.stderr)
})

test('files of many MiB arrive whole, and so do thousands of small ones', async () => {
  const large = Buffer.alloc(20 * 2 ** 20, 'abcdefg')
  let recipe = box().file('/large', large)
  for (let i = 0; i < 2000; i++) recipe = recipe.file(`/many/${i}`, `${i}`)
  const { stdout } = await recipe.run('/probe', ['read', '/large'], { encoding: 'buffer' })
  assert.ok(stdout.equals(large))
  assert.is((await json<string[]>(recipe, 'ls', '/many')).length, 2000)
  assert.is(await says(recipe, 'read', '/many/1999'), '1999')
})

test('a file replaces one of a layer, and the later of two the earlier', async (t) => {
  const recipe = over(t, { etc: { motd: withMode(0o600, 'old') } })
  assert.is(await says(recipe.file('/etc/motd', 'new'), 'read', '/etc/motd'), 'new')
  assert.is(await says(recipe.file('/etc/motd', 'new').file('/etc/motd', 'newer'), 'read', '/etc/motd'), 'newer')
})

test('a file replaces a link and does not write through it', async (t) => {
  const recipe = over(t, { etc: { real: 'untouched', link: link('real') } }).file('/etc/link', 'new')
  const seen = await lines(recipe, 'read', '/etc/link', ',', 'say', '', ',', 'read', '/etc/real')
  assert.equal([seen[0], seen.at(-1)], ['new', 'untouched'])
  assert.is((await json<Stat>(recipe, 'stat', '/etc/link')).type, 'file')
})

test('a file or link in the place of a directory is an error with its path', async (t) => {
  const recipe = over(t, { etc: { dir: { inner: '' } } })
  const file = await setupFailure(recipe.file('/etc/dir', 'x').run('/true'))
  assert.equal([file.step, file.path, file.code], ['file', '/etc/dir', 'EEXIST'])
  const symlink = await setupFailure(recipe.symlink('/x', '/etc/dir').run('/true'))
  assert.equal([symlink.step, symlink.path, symlink.code], ['symlink', '/etc/dir', 'EEXIST'])
})

test('a parent that is a file is an error with the path of the target', async (t) => {
  const recipe = over(t, { etc: 'a file' })
  const { step, path, code, hint } = await setupFailure(recipe.file('/etc/motd', 'x').run('/true'))
  assert.equal([step, path, code], ['file', '/etc/motd', 'ENOTDIR'])
  assert.match(hint ?? '', 'a file for a directory')
})

test('in a writable rootfs files and links are written to the directory itself', async (t) => {
  const directory = tree(t, { probe: '', etc: { link: link('/outside') } })
  const recipe = sandbox()
    .rootfs(directory, { mode: 'writable' })
    .bind(probe(), '/probe')
    .file('/etc/made', 'x', { mode: 0o640 })
    .file('/etc/link', 'in place of a link')
    .symlink('/etc/made', '/deep/link')
  assert.is(await says(recipe, 'readlink', '/deep/link'), '/etc/made\n')
  assert.is(readFileSync(join(directory, 'etc/made'), 'utf8'), 'x')
  assert.is(lstatSync(join(directory, 'etc/made')).mode & 0o777, 0o640)
  assert.ok(lstatSync(join(directory, 'etc/link')).isFile())
  assert.is(readlinkSync(join(directory, 'deep/link')), '/etc/made')
  assert.not.ok(existsSync('/outside'))
})

test('a link leads where it says, relative, absolute or nowhere, and replaces what is there', async (t) => {
  const recipe = over(t, { etc: { a: 'content', old: 'x', oldLink: link('a') } })
    .symlink('a', '/etc/relative')
    .symlink('/etc/a', '/new/absolute')
    .symlink('/no/where', '/dangling')
    .symlink('a', '/etc/old')
    .symlink('old', '/etc/oldLink')
  assert.is(await says(recipe, 'read', '/etc/relative', ',', 'read', '/new/absolute'), 'contentcontent')
  assert.is(await says(recipe, 'readlink', '/dangling', ',', 'readlink', '/etc/oldLink'), '/no/where\nold\n')
  assert.is(await says(recipe, 'read', '/etc/oldLink'), 'content')
})

test('a masked file reads empty, a masked directory is empty, and neither can be written', async (t) => {
  const layer = tree(t, { etc: { secret: withMode(0o666, 'secret'), keys: withMode(0o777, { private: 'secret' }) } })
  const before = listing(layer)
  const recipe = sandbox().rootfs([probeRootfs, layer]).mask('/etc/secret').mask('/etc/keys').user(0)
  assert.is(await says(recipe, 'read', '/etc/secret'), '')
  assert.equal(await json(recipe, 'ls', '/etc/keys'), [])
  assert.is(await fails(recipe, 'write', '/etc/secret', 'x'), 'open: EROFS')
  assert.is(await fails(recipe, 'touch', '/etc/keys/new'), 'open: EROFS')
  assert.is(await fails(recipe, 'unlink', '/etc/secret'), 'unlink: EBUSY')
  assert.is(await fails(recipe, 'rename', '/etc/keys', '/etc/moved'), 'rename: EBUSY')
  assert.is(await says(recipe.seccomp('off'), 'try-umount', '/etc/secret'), 'EPERM\n')
  assert.equal(listing(layer), before)
})

test('a mask hides what a bind, a file or the default root has put there', async (t) => {
  const source = plant(join(tree(t), 'source'), { file: 'secret' })
  const recipe = box().bind(source, '/data').mask('/data/file').file('/made', 'secret').mask('/made')
  assert.is(await says(recipe, 'read', '/data/file', ',', 'read', '/made'), '')
  assert.is(readFileSync(join(source, 'file'), 'utf8'), 'secret')
  const shell = await sandbox().mask('/usr/share').run('ls', ['-A', '/usr/share'])
  assert.equal([shell.ok, shell.stdout], [true, ''])
})

test('masking what is not there is an error with its path', async () => {
  const { step, path, code, hint } = await setupFailure(box().mask('/etc/no-such').run('/true'))
  assert.equal([step, path, code, hint], ['mask', '/etc/no-such', 'ENOENT', 'The path is not in the sandbox.'])
})

test.run()
