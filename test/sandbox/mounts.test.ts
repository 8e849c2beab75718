// bind() and tmpfs(): what is shown, where, in which order, and that it cannot be written unless the recipe says so.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs, runProbe } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, says } from '../support/inside.js'
import { probe } from '../support/probe.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'
import { link, listing, plant, tree, withMode } from '../support/trees.js'

const test = suite('mounts', { warmUp: true })

interface FileSystem {
  blockSize: number
  blocks: number
  readOnly: boolean
  noSuid: boolean
  noDev: boolean
}

test('a directory of the host is seen read-only, also by the sandbox’s root', async (t) => {
  const source = tree(t, { file: withMode(0o666, 'x'), open: withMode(0o777, {}) })
  const before = listing(source)
  const recipe = box().bind(source, '/data')
  for (const user of [0, 1000]) {
    assert.is(await says(recipe.user(user), 'read', '/data/file'), 'x')
    assert.is(await fails(recipe.user(user), 'write', '/data/file', 'y'), 'open: EROFS')
    assert.is(await fails(recipe.user(user), 'touch', '/data/open/new'), 'open: EROFS')
    assert.is(await fails(recipe.user(user), 'unlink', '/data/file'), 'unlink: EROFS')
  }
  assert.equal(listing(source), before)
})

test('without a target it appears where it is on the host', async (t) => {
  const source = tree(t, { file: 'x' })
  assert.is(await says(box().bind(source), 'read', join(source, 'file')), 'x')
})

test('a writable bind changes the host’s directory where its permissions let others', async (t) => {
  const source = tree(t, { open: withMode(0o777, {}), roots: withMode(0o644, 'x') })
  const recipe = box().bind(source, '/data', { writable: true })
  await says(recipe, 'write', '/data/open/new', 'made inside')
  assert.is(readFileSync(join(source, 'open/new'), 'utf8'), 'made inside')
})

test(
  'through a writable bind nobody inside can change what belongs to the host’s root',
  async (t) => {
    const source = tree(t, { shut: withMode(0o644, 'x'), dir: {}, open: withMode(0o777, {}) })
    const recipe = box().bind(source, '/data', { writable: true })
    for (const user of [0, 1000]) {
      assert.is(await fails(recipe.user(user), 'write', '/data/shut', 'y'), 'open: EACCES')
      assert.is(await fails(recipe.user(user), 'touch', '/data/dir/new'), 'open: EACCES')
      assert.is(await fails(recipe.user(user), 'chmod', '777', '/data/shut'), 'chmod: EPERM')
    }
    const { uid } = await json<{ uid: number }>(recipe, 'stat', '/data/shut')
    assert.is(uid, 65534)
    await says(recipe.user(7), 'write', '/data/open/new', 'x')
    assert.ok(statSync(join(source, 'open/new')).uid >= 100_000)
  },
  { needs: root },
)

test('set-user-id bits and devices do not count through any bind', async (t) => {
  for (const writable of [false, true]) {
    const recipe = box().bind(tree(t), '/data', { writable })
    const { readOnly, noSuid, noDev } = await json<FileSystem>(recipe, 'statfs', '/data')
    assert.equal({ readOnly, noSuid, noDev }, { readOnly: !writable, noSuid: true, noDev: true })
  }
})

test('a single file is bound, onto a file or where there is nothing', async (t) => {
  const source = tree(t, { file: 'bound' })
  const layer = tree(t, { etc: { taken: 'old' } })
  const recipe = sandbox()
    .rootfs([probeRootfs, layer])
    .bind(join(source, 'file'), '/etc/taken')
    .bind(join(source, 'file'), '/etc/fresh')
  assert.is(await says(recipe, 'read', '/etc/taken', ',', 'read', '/etc/fresh'), 'boundbound')
  assert.is(readFileSync(join(layer, 'etc/taken'), 'utf8'), 'old')
  assert.equal(readdirSync(join(layer, 'etc')), ['taken'])
})

test('missing parents of a target are made, and anyone can pass through them', async (t) => {
  const source = tree(t, { file: 'x' })
  const recipe = box().bind(source, '/a/b/c/d').bind(join(source, 'file'), '/a/b/e/file')
  assert.is(await says(recipe, 'read', '/a/b/c/d/file', ',', 'read', '/a/b/e/file'), 'xx')
  assert.is((await json<{ mode: string }>(recipe, 'stat', '/a/b')).mode, '755')
})

test('mount points are made in a read-only root, too, and in the default one', async (t) => {
  const source = tree(t, { file: 'x' })
  const readonly = sandbox().rootfs(probeRootfs, { mode: 'readonly' }).bind(source, '/deep/in/it')
  assert.is(await says(readonly, 'read', '/deep/in/it/file'), 'x')
  const standard = sandbox().bind(probe(), '/deep/probe').bind(source, '/deep/data')
  assert.ok((await standard.run('/deep/probe', ['read', '/deep/data/file'])).ok)
})

test(
  'mounts below a bound directory are seen, and as read-only as itself',
  async (t) => {
    const source = tree(t, { inner: {} })
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(source, 'inner')])
    t.cleanUp(() => execFileSync('umount', [join(source, 'inner')]))
    plant(join(source, 'inner'), { file: withMode(0o666, 'nested') })
    const recipe = box().bind(source, '/data')
    assert.is(await says(recipe, 'read', '/data/inner/file'), 'nested')
    assert.is(await fails(recipe, 'write', '/data/inner/file', 'y'), 'open: EROFS')
    assert.is(await says(recipe.user(0).seccomp('off'), 'try-remount-writable', '/data/inner'), 'EPERM\n')
  },
  { needs: root },
)

test('mounts appear in the order of the calls: the last one on a target is seen', async (t) => {
  const [one, two] = [tree(t, { file: 'one' }), tree(t, { file: 'two' })]
  assert.is(await says(box().bind(one, '/d').bind(two, '/d'), 'read', '/d/file'), 'two')
  assert.is(await says(box().bind(two, '/d').bind(one, '/d'), 'read', '/d/file'), 'one')
  assert.equal(await json(box().bind(one, '/d').tmpfs('/d'), 'ls', '/d'), [])
})

test('a bind is put into a bind, a tmpfs into a bind, a bind into a tmpfs', async (t) => {
  const outer = tree(t, { inner: { hidden: '' }, scratch: {} })
  const inner = tree(t, { file: 'inner' })
  const recipe = box()
    .bind(outer, '/data')
    .bind(inner, '/data/inner')
    .tmpfs('/data/scratch')
    .bind(inner, '/data/scratch/deep/er')
  assert.is(await says(recipe, 'read', '/data/inner/file', ',', 'read', '/data/scratch/deep/er/file'), 'innerinner')
  assert.is(await says(recipe, 'write', '/data/scratch/new', 'kept', ',', 'read', '/data/scratch/new'), 'kept')
  assert.equal(readdirSync(join(outer, 'scratch')), [])
})

test('an optional source that is missing is skipped, and one that is there is not', async (t) => {
  const source = tree(t, { file: 'x' })
  const recipe = box()
    .bind(join(source, 'missing'), '/one', { optional: true })
    .bind(source, '/two', { optional: true })
  assert.equal(await json(recipe, 'ls', '/'), ['dev', 'probe', 'proc', 'tmp', 'true', 'two'])
  assert.is(await says(recipe, 'read', '/two/file'), 'x')
})

test('a source that is a link is followed on the host', async (t) => {
  const source = tree(t, { file: 'x', to: link('file') })
  assert.is(await says(box().bind(join(source, 'to'), '/bound'), 'read', '/bound'), 'x')
})

test('things are put below /dev: a file, a directory, a larger /dev/shm', async (t) => {
  const source = tree(t, { file: 'x' })
  const recipe = box()
    .bind(join(source, 'file'), '/dev/mine')
    .bind(source, '/dev/many')
    .tmpfs('/dev/shm', { size: '300MiB' })
    .file('/dev/made', 'made')
    .symlink('null', '/dev/nothing')
  const seen = await says(recipe, 'read', '/dev/mine', ',', 'read', '/dev/many/file', ',', 'read', '/dev/made')
  assert.is(seen, 'xxmade')
  const { blockSize, blocks } = await json<FileSystem>(recipe, 'statfs', '/dev/shm')
  assert.is(blockSize * blocks, 300 * 2 ** 20)
  assert.is(
    await says(recipe, 'write', '/dev/nothing', 'x', ',', 'write', '/dev/null', 'x', ',', 'readlink', '/dev/nothing'),
    'null\n',
  )
})

test(
  'a tmpfs has the stated size and mode, ends with ENOSPC, and starts empty each time',
  async () => {
    const recipe = box().tmpfs('/scratch', { size: '1MiB', mode: 0o700 }).user(0)
    const { blockSize, blocks, noSuid, noDev } = await json<FileSystem>(recipe, 'statfs', '/scratch')
    assert.equal([blockSize * blocks, noSuid, noDev], [2 ** 20, true, true])
    assert.is((await json<{ mode: string }>(recipe, 'stat', '/scratch')).mode, '700')
    assert.is(await fails(recipe, 'write-file', '/scratch/large', '2000000'), 'write: ENOSPC')
    assert.equal(await json(recipe, 'ls', '/scratch'), [])
    assert.is(await fails(recipe.user(1000), 'touch', '/scratch/new'), 'open: EACCES')
  },
  { needs: root },
)

test('a tmpfs holds 64 MiB unless it says otherwise, and can be written by anyone', async () => {
  const recipe = box().tmpfs('/scratch').tmpfs('/small', { size: '4KiB' })
  await says(recipe, 'touch', '/scratch/new')
  const { blockSize, blocks } = await json<FileSystem>(recipe, 'statfs', '/scratch')
  assert.is(blockSize * blocks, 64 * 2 ** 20)
  assert.is(await fails(recipe, 'write-file', '/small/large', '8192'), 'write: ENOSPC')
})

test(
  'a tmpfs takes the place of /tmp',
  async () => {
    const recipe = box().tmpfs('/tmp', { size: '128KiB', mode: 0o755 })
    const { blockSize, blocks } = await json<FileSystem>(recipe, 'statfs', '/tmp')
    assert.is(blockSize * blocks, 128 * 1024)
    assert.is(await fails(recipe, 'touch', '/tmp/new'), 'open: EACCES')
  },
  { needs: root },
)

test('a bind takes the place of /tmp', async (t) => {
  const source = tree(t, { file: 'x' })
  assert.equal(await json(box().bind(source, '/tmp'), 'ls', '/tmp'), ['file'])
})

test('in a writable rootfs mount points are made in the directory itself, and stay', async (t) => {
  const directory = tree(t, { probe: withMode(0o755, ''), etc: {} })
  const source = tree(t, { file: 'x' })
  const recipe = sandbox().rootfs(directory, { mode: 'writable' }).bind(probe(), '/probe').bind(source, '/mnt/data')
  assert.is(await says(recipe, 'read', '/mnt/data/file'), 'x')
  assert.equal(readdirSync(join(directory, 'mnt/data')), [])
  assert.not.ok(existsSync(join(directory, 'mnt/data/file')))
})

for (const count of [200, 1500]) {
  test(`${count} binds are all there, in good time`, async (t) => {
    const source = tree(t, Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, `${i}`])))
    let recipe = box()
    for (let i = 0; i < count; i++) recipe = recipe.bind(join(source, `f${i}`), `/data/${i}`)
    const startedMs = performance.now()
    const result = await runProbe(recipe, 'ls', '/data', ',', 'read', `/data/${count - 1}`)
    const elapsedMs = performance.now() - startedMs
    const [names, content] = result.stdout.split('\n')
    assert.is((JSON.parse(names ?? '') as string[]).length, count, result.stderr)
    assert.is(content, `${count - 1}`)
    // Reading the list of mounts again for each of them would take seconds.
    assert.ok(elapsedMs < atMost(2000), `${elapsedMs} ms`)
  })
}

test.run()
