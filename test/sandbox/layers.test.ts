// rootfs() of several directories: which file is seen, and that nothing but the layer on top ever changes.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, lines, says, setupFailure } from '../support/inside.js'
import { kernelBefore, userXattrsInMemory } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'
import { link, listing, oddDirectory, plant, tree, withMode } from '../support/trees.js'

const test = suite('layers', { warmUp: true })
const ODD_NAMES = [
  'with a blank',
  'colon:in:it',
  'comma,in,it',
  'back\\slash',
  'ends in backslash\\',
  'línea ünïcode 層',
  'new\nline',
  'tab\tin it',
  'quote"\'s',
  'lowerdir=x,upperdir=y',
  '-rf',
  '...',
  '$HOME',
  'x'.repeat(255),
]

/** The probe at the bottom, then a layer of the test's own per argument. */
function layers(t: TestContext, ...contents: Parameters<typeof tree>[1][]): string[] {
  return [probeRootfs, ...contents.map((entries) => tree(t, entries))]
}

test('a later layer wins, and what only an earlier one has is seen all the same', async (t) => {
  const recipe = sandbox().rootfs(layers(t, { etc: { a: 'one', b: 'one' } }, { etc: { b: 'two', c: 'two' } }))
  assert.equal(await json(recipe, 'ls', '/etc'), ['a', 'b', 'c'])
  assert.is(await says(recipe, 'read', '/etc/a', ',', 'read', '/etc/b', ',', 'read', '/etc/c'), 'onetwotwo')
})

test('a file hides a directory of an earlier layer, and a directory a file', async (t) => {
  const recipe = sandbox().rootfs(layers(t, { x: { inner: '' }, y: 'file' }, { x: 'now a file', y: { inner: '' } }))
  assert.is(await says(recipe, 'read', '/x'), 'now a file')
  assert.equal(await json(recipe, 'ls', '/y'), ['inner'])
})

test('mode and owner of a directory are those of the last layer that has it', async (t) => {
  const recipe = sandbox().rootfs(layers(t, { d: withMode(0o700, { a: '' }) }, { d: withMode(0o755, { b: '' }) }))
  assert.is((await json<{ mode: string }>(recipe, 'stat', '/d')).mode, '755')
  assert.equal(await json(recipe, 'ls', '/d'), ['a', 'b'])
})

test(
  'deleting hides what every layer has, for this sandbox alone',
  async (t) => {
    const directories = layers(t, { etc: { a: 'one' } }, { etc: { a: 'two' } })
    const recipe = sandbox().rootfs(directories).user(0)
    const seen = await lines(
      recipe,
      'unlink',
      '/etc/a',
      ',',
      'ls',
      '/etc',
      ',',
      'rmdir',
      '/etc',
      ',',
      'try-open',
      '/etc',
    )
    assert.equal(seen, ['[]', 'ENOENT'])
    assert.is(await says(recipe, 'read', '/etc/a'), 'two')
  },
  { only: userXattrsInMemory },
)

test(
  'a directory that is deleted and made again is empty, whatever the layers have in it',
  async (t) => {
    const recipe = sandbox()
      .rootfs(layers(t, { d: { a: '', b: '' } }))
      .user(0)
    const seen = await lines(
      recipe,
      ...['unlink', '/d/a', ',', 'unlink', '/d/b', ',', 'rmdir', '/d', ',', 'mkdir', '/d', ',', 'ls', '/d', ','],
      ...['touch', '/d/new', ',', 'ls', '/d'],
    )
    assert.equal(seen, ['[]', '["new"]'])
  },
  { only: userXattrsInMemory },
)

test('sixty layers are united in their order', async (t) => {
  const many = Array.from({ length: 60 }, (_, i) => ({ last: `${i}`, each: { [`from-${i}`]: `${i}` } }))
  const recipe = sandbox().rootfs(layers(t, ...many))
  assert.is(await says(recipe, 'read', '/last'), '59')
  assert.is((await json<string[]>(recipe, 'ls', '/each')).length, 60)
  assert.is(await says(recipe, 'read', '/each/from-0', ',', 'read', '/each/from-59'), '059')
})

test('as many layers as overlayfs can take: 500', async (t) => {
  const directory = tree(t)
  const many = Array.from({ length: 499 }, (_, i) => plant(join(directory, `layer-${i}`), { last: `${i}` }))
  assert.is(await says(sandbox().rootfs([probeRootfs, ...many]), 'read', '/last'), '498')
})

for (const name of ODD_NAMES) {
  test(`a layer may be called ${JSON.stringify(name.slice(0, 30))}`, async (t) => {
    const layer = plant(oddDirectory(t, name), { inner: 'seen' })
    assert.is(await says(sandbox().rootfs([probeRootfs, layer]), 'read', '/inner'), 'seen')
    assert.is(await says(sandbox().rootfs([layer, probeRootfs], { mode: 'readonly' }), 'read', '/inner'), 'seen')
  })
}

test('a layer may be a link to a directory, and lie very deep', async (t) => {
  const deep = join(t.tempDir(), ...Array<string>(12).fill('d'.repeat(240)))
  plant(deep, { inner: 'deep' })
  const layer = join(tree(t, { layer: link(deep) }), 'layer')
  assert.is(await says(sandbox().rootfs([probeRootfs, layer]), 'read', '/inner'), 'deep')
})

test(
  'no layer changes, whatever a program does on top of them',
  async (t) => {
    const directories = layers(
      t,
      { etc: { a: 'one', b: 'one', sub: { deep: 'x' } }, links: { to: link('../etc/a') } },
      { etc: { b: 'two' }, bin: { tool: withMode(0o755, '#!/probe') } },
    )
    const before = directories.map((directory) => listing(directory))
    await says(
      sandbox().rootfs(directories).user(0).capabilities('chown'),
      ...['write', '/etc/a', 'changed', ',', 'append', '/etc/b', 'added', ',', 'unlink', '/etc/sub/deep', ','],
      ...['rmdir', '/etc/sub', ',', 'chmod', '700', '/bin/tool', ',', 'rename', '/bin/tool', '/bin/other', ','],
      ...['chown', '5', '6', '/bin', ',', 'unlink', '/links/to', ',', 'symlink', '/etc', '/links/to', ','],
      ...['link', '/etc/a', '/etc/hard', ',', 'append', '/etc/hard', 'x', ',', 'unlink', '/true'],
    )
    assert.equal(
      directories.map((directory) => listing(directory)),
      before,
    )
  },
  { only: userXattrsInMemory, needs: root },
)

test('many sandboxes share their layers at the same time, each with changes of its own', async (t) => {
  const recipe = sandbox()
    .rootfs(layers(t, { etc: { a: 'one' } }))
    .user(0)
  const texts = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      says(recipe, 'append', '/etc/a', ` and ${i}`, ',', 'sleep', '0.05', ',', 'read', '/etc/a'),
    ),
  )
  assert.equal(
    texts,
    Array.from({ length: 12 }, (_, i) => `one and ${i}`),
  )
})

test(
  'a whiteout in a layer hides what lies below it',
  async (t) => {
    const whiteout = (path: string) => execFileSync('mknod', [path, 'c', '0', '0'])
    const recipe = sandbox().rootfs(layers(t, { etc: { gone: 'x', kept: 'y' } }, { etc: { gone: whiteout } }))
    assert.equal(await json(recipe, 'ls', '/etc'), ['kept'])
    assert.is(await fails(recipe, 'read', '/etc/gone'), 'open: ENOENT')
  },
  { needs: root },
)

test('the same directory twice, or one within another, is an error that says so', async (t) => {
  const outer = tree(t, { inner: {} })
  for (const directories of [
    [probeRootfs, probeRootfs],
    [probeRootfs, outer, join(outer, 'inner')],
  ]) {
    const { step, code, hint } = await setupFailure(sandbox().rootfs(directories).run('/true'))
    assert.equal([step, code], ['overlay', 'ELOOP'])
    assert.match(hint ?? '', 'lie in another')
  }
})

test(
  'where a layer in memory cannot hide a directory, deleting it fails, and it stays as it was',
  async (t) => {
    const recipe = sandbox()
      .rootfs(layers(t, { d: { a: '' } }))
      .user(0)
    assert.is(await fails(recipe, 'unlink', '/d/a', ',', 'rmdir', '/d'), 'rmdir: EIO')
    assert.equal(await json(recipe, 'ls', '/d'), ['a'])
  },
  { only: kernelBefore(6, 6) },
)

test.run()
