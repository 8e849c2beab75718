// What programs do to files on overlayfs: copy-up, renames, links, special files, attributes; as on any file system where
// overlayfs allows it, and with its documented errors where not.
import { chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, lines, says } from '../support/inside.js'
import { kernelFrom, userXattrsInMemory } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'
import { type Entries, link, tree, withMode } from '../support/trees.js'

const test = suite('overlay', { warmUp: true })

interface Stat {
  type: string
  mode: string
  uid: number
  gid: number
  size: number
}

/** A recipe over the probe and a layer of the test's own, for the sandbox's root. */
function over(t: TestContext, entries: Entries, options = {}): Sandbox {
  return sandbox()
    .rootfs([probeRootfs, tree(t, entries)], options)
    .user(0)
}

test('adding to a file of a layer copies it up whole, with its mode and owner', async (t) => {
  const text = 'x'.repeat(300_000)
  const recipe = over(t, { file: withMode(0o640, text) })
  await says(recipe, 'append', '/file', 'y')
  const [content, stat] = await lines(recipe, 'append', '/file', '\n', ',', 'read', '/file', ',', 'stat', '/file')
  assert.is(content, text)
  const { mode, uid, gid, size } = JSON.parse(stat ?? '') as Stat
  assert.equal({ mode, uid, gid, size }, { mode: '640', uid: 0, gid: 0, size: text.length + 1 })
})

test(
  'a file of another owner keeps him when it is copied up',
  async (t) => {
    const layer = tree(t, { file: withMode(0o666, 'x') })
    chownSync(join(layer, 'file'), 1000, 100)
    const recipe = sandbox().rootfs([probeRootfs, layer])
    const stat = await lines(recipe.user(7), 'append', '/file', 'y', ',', 'stat', '/file')
    const { uid, gid, mode } = JSON.parse(stat[0] ?? '') as Stat
    assert.equal({ uid, gid, mode }, { uid: 1000, gid: 100, mode: '666' })
  },
  { needs: root },
)

test(
  'an unprivileged user may change what its permissions allow, and nothing else',
  async (t) => {
    const recipe = over(t, { open: withMode(0o666, 'x'), shut: withMode(0o644, 'x'), dir: {} }).user(1000)
    assert.is(await says(recipe, 'append', '/open', 'y', ',', 'read', '/open'), 'xy')
    assert.is(await fails(recipe, 'append', '/shut', 'y'), 'open: EACCES')
    assert.is(await fails(recipe, 'touch', '/dir/new'), 'open: EACCES')
    assert.is(await fails(recipe, 'unlink', '/open'), 'unlink: EACCES')
  },
  { needs: root },
)

test('a file is renamed over another one, across directories of different layers', async (t) => {
  const recipe = sandbox()
    .rootfs([probeRootfs, tree(t, { one: { a: 'from one' } }), tree(t, { two: { b: 'from two' } })])
    .user(0)
  const seen = await lines(
    recipe,
    'rename',
    '/one/a',
    '/two/b',
    ',',
    'ls',
    '/one',
    ',',
    'ls',
    '/two',
    ',',
    'read',
    '/two/b',
  )
  assert.equal(seen, ['[]', '["b"]', 'from one'])
})

test(
  'a directory made inside can be renamed, with all that is in it',
  async (t) => {
    const recipe = over(t, { kept: {} })
    const seen = await lines(
      recipe,
      ...['mkdir', '/made', ',', 'write', '/made/file', 'content', ',', 'rename', '/made', '/kept/moved', ','],
      ...['ls', '/kept', ',', 'read', '/kept/moved/file'],
    )
    assert.equal(seen, ['["moved"]', 'content'])
  },
  { only: userXattrsInMemory },
)

test(
  'renaming a directory of a layer gives EXDEV, which mv and others know how to go around',
  async (t) => {
    const recipe = over(t, { dir: { file: 'content' } })
    assert.is(await fails(recipe, 'rename', '/dir', '/moved'), 'rename: EXDEV')
    const shell = recipe
      .bind('/usr')
      .symlink('usr/bin', '/bin')
      .symlink('usr/lib', '/lib')
      .symlink('usr/lib64', '/lib64')
    const result = await shell.run('/bin/sh', ['-c', 'mv /dir /moved && cat /moved/file && ! test -e /dir'])
    assert.is(result.stdout, 'content', result.stderr)
  },
  { only: userXattrsInMemory },
)

test('a hard link to a file of a layer is the same file from then on', async (t) => {
  const recipe = over(t, { file: 'old' })
  const text = await says(recipe, 'link', '/file', '/other', ',', 'append', '/other', ' new', ',', 'read', '/file')
  assert.is(text, 'old new')
})

test('links of a layer can be read, followed, replaced and made', async (t) => {
  const recipe = over(t, { etc: { target: 'x', link: link('target') } })
  const seen = await lines(
    recipe,
    ...['readlink', '/etc/link', ',', 'append', '/etc/link', 'y\n', ',', 'read', '/etc/target', ','],
    ...['unlink', '/etc/link', ',', 'symlink', '/etc', '/etc/link', ',', 'readlink', '/etc/link'],
  )
  assert.equal(seen, ['target', 'xy', '/etc'])
})

test('FIFOs and sockets work', async (t) => {
  const recipe = over(t, { run: {} })
  assert.is(await says(recipe, 'fifo', '/run/fifo', ',', 'socket', '/run/socket'), 'ok\nok\n')
  assert.is(await says(recipe, 'fifo', '/tmp/fifo', ',', 'socket', '/tmp/socket'), 'ok\nok\n')
})

test('device nodes cannot be made, not even with the capability for it', async (t) => {
  const recipe = over(t, { dev: {} })
  assert.is(await fails(recipe, 'mknod', '/null', '1', '3'), 'mknod: EPERM')
  assert.is(await fails(recipe.capabilities('mknod'), 'mknod', '/null', '1', '3'), 'mknod: EPERM')
})

test(
  'user attributes can be set and read',
  async (t) => {
    const recipe = over(t, { file: 'x' })
    const set = ['set-xattr', '/file', 'user.note', 'hello']
    assert.is(await says(recipe, ...set, ',', 'get-xattr', '/file', 'user.note'), 'hello\n')
  },
  { only: userXattrsInMemory },
)

test('a program cannot forge the attributes of overlayfs itself: its next run sees all of the layers', async (t) => {
  const [layer, upper] = [tree(t, { dir: { below: '' } }), join(tree(t, { upper: {} }), 'upper')]
  const recipe = sandbox().rootfs([probeRootfs, layer], { upper }).user(0)
  // Linux 6.7 stores it under another name, earlier ones refuse it.
  await says(recipe, 'in-child', 'set-xattr', '/dir', 'user.overlay.opaque', 'y')
  assert.equal(await json(recipe, 'ls', '/dir'), ['below'])
})

test('trusted attributes are refused to the sandbox’s root', async (t) => {
  const recipe = over(t, { file: 'x' })
  assert.is(await fails(recipe, 'set-xattr', '/file', 'trusted.overlay.opaque', 'y'), 'setxattr: EPERM')
})

test(
  'security attributes are refused to the sandbox’s root',
  async (t) => {
    const recipe = over(t, { file: 'x' })
    assert.is(await fails(recipe, 'set-xattr', '/file', 'security.note', 'y'), 'setxattr: EPERM')
  },
  // Before, security_inode_setxattr() asked no capability where the BPF security module was on.
  { only: kernelFrom(6, 10) },
)

test('a running program can be deleted, and runs on', async (t) => {
  const recipe = over(t, { file: 'x' })
  assert.is(await says(recipe, 'unlink', '/probe', ',', 'ls', '/'), '["dev","file","proc","tmp","true"]\n')
})

test('times and sizes of what is not touched are those of the layer', async (t) => {
  const layer = tree(t, { file: 'twelve bytes' })
  const { size, type } = await json<Stat>(sandbox().rootfs([probeRootfs, layer]), 'stat', '/file')
  assert.equal({ size, type }, { size: 12, type: 'file' })
  assert.is(readFileSync(join(layer, 'file'), 'utf8'), 'twelve bytes')
})

test('the sandbox cannot mount, unmount or remount what it lives on', async (t) => {
  const recipe = over(t, { dir: {} }).seccomp('off')
  assert.is(
    await says(recipe, 'try-mount', '/dir', ',', 'try-umount', '/proc', ',', 'try-remount-writable', '/'),
    'EPERM\n'.repeat(3),
  )
})

test.run()
