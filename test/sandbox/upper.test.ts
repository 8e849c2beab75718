// rootfs(layers, { upper }): what a program writes is found in the caller's directory, and by the next sandbox.
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs, runProbe, spawnProbe } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, says, setupFailure } from '../support/inside.js'
import { kernelFrom } from '../support/kinds.js'
import { suite, type TestContext } from '../support/suite.js'
import { link, listing, oddDirectory, plant, tree } from '../support/trees.js'

const test = suite('persistent upper', { warmUp: true })

/** An empty directory in one of the test's own: nothing is beside it before, nor may be afterwards. */
function upperIn(t: TestContext): string {
  const upper = join(tree(t, { upper: {} }), 'upper')
  t.cleanUp(() => assertNothingBeside(upper))
  return upper
}

/** The work directory goes when the sandbox is torn down, a moment after its result. */
async function assertNothingBeside(upper: string): Promise<void> {
  const deadlineMs = performance.now() + 2000
  while (readdirSync(dirname(upper)).length > 1 && performance.now() < deadlineMs) await sleep(5)
  assert.is(readdirSync(dirname(upper)).length, 1, readdirSync(dirname(upper)).join(' '))
}

test('what is written appears straight in the directory, and the layers stay as they were', async (t) => {
  const layer = tree(t, { etc: { motd: 'old' } })
  const before = listing(layer)
  const upper = upperIn(t)
  const recipe = sandbox().rootfs([probeRootfs, layer], { upper }).user(0)
  await says(recipe, 'write', '/etc/motd', 'new', ',', 'mkdir', '/made', ',', 'write', '/made/file', 'x')
  assert.is(readFileSync(join(upper, 'etc/motd'), 'utf8'), 'new')
  assert.is(readFileSync(join(upper, 'made/file'), 'utf8'), 'x')
  assert.not.ok(existsSync(join(upper, 'probe')))
  assert.equal(listing(layer), before)
})

test('the work directory beside it is gone afterwards', async (t) => {
  const upper = upperIn(t)
  await says(sandbox().rootfs(probeRootfs, { upper }).user(0), 'write', '/true', 'copied up')
  await assertNothingBeside(upper)
})

test('the work directory is gone also when the command cannot be executed', async (t) => {
  const upper = upperIn(t)
  const error = await setupFailure(sandbox().rootfs(probeRootfs, { upper }).run('/no-such'))
  assert.is(error.step, 'exec')
  await assertNothingBeside(upper)
})

test('while the program runs the caller sees its files', async (t) => {
  const upper = upperIn(t)
  const recipe = sandbox().rootfs(probeRootfs, { upper }).user(0)
  const child = await spawnProbe(t, recipe, ['write', '/progress', 'half', ',', 'sleep', '30'])
  const file = join(upper, 'progress')
  const deadlineMs = performance.now() + 5000
  while (!existsSync(file) && performance.now() < deadlineMs) await sleep(5)
  assert.is(readFileSync(file, 'utf8'), 'half')
  child.kill('SIGKILL')
  await child.wait()
})

test('the next sandbox finds what was written, and what was deleted stays deleted', async (t) => {
  const layer = tree(t, { etc: { doomed: 'x', kept: 'y' }, dir: { a: '', b: '' } })
  const recipe = sandbox()
    .rootfs([probeRootfs, layer], { upper: upperIn(t) })
    .user(0)
  await says(
    recipe,
    ...[
      'write',
      '/etc/new',
      'first',
      ',',
      'unlink',
      '/etc/doomed',
      ',',
      'unlink',
      '/dir/a',
      ',',
      'unlink',
      '/dir/b',
      ',',
    ],
    ...['rmdir', '/dir', ',', 'mkdir', '/dir', ',', 'touch', '/dir/fresh'],
  )
  assert.equal(await json(recipe, 'ls', '/etc'), ['kept', 'new'])
  assert.equal(await json(recipe, 'ls', '/dir'), ['fresh'])
  assert.is(await says(recipe, 'append', '/etc/new', ' second', ',', 'read', '/etc/new'), 'first second')
})

test('an upper of one recipe is a layer of another, with all that was deleted in it', async (t) => {
  const layer = tree(t, { etc: { doomed: 'x', kept: 'y' }, dir: { a: '' } })
  const upper = upperIn(t)
  await says(
    sandbox().rootfs([probeRootfs, layer], { upper }).user(0),
    ...['unlink', '/etc/doomed', ',', 'unlink', '/dir/a', ',', 'rmdir', '/dir', ',', 'mkdir', '/dir', ','],
    ...['touch', '/dir/fresh'],
  )
  const next = sandbox().rootfs([probeRootfs, layer, upper])
  assert.equal(await json(next, 'ls', '/etc'), ['kept'])
  assert.equal(await json(next, 'ls', '/dir'), ['fresh'])
})

test(
  'ids in it are those inside: 1000 is 1000 and root is root',
  async (t) => {
    const upper = upperIn(t)
    const recipe = sandbox().rootfs(probeRootfs, { upper })
    await says(recipe.user(0), 'mkdir', '/work', ',', 'chmod', '777', '/work', ',', 'write', '/true', 'copied up')
    await says(recipe.user(1000, 100), 'write', '/work/mine', 'x')
    const owner = (name: string) => [statSync(join(upper, name)).uid, statSync(join(upper, name)).gid]
    assert.equal(
      [owner('work'), owner('true'), owner('work/mine')],
      [
        [0, 0],
        [0, 0],
        [1000, 100],
      ],
    )
  },
  { needs: root },
)

test('several sandboxes at once, each with an upper of its own in the same directory', async (t) => {
  const parent = tree(t, Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`upper-${i}`, {}])))
  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const recipe = sandbox()
        .rootfs(probeRootfs, { upper: join(parent, `upper-${i}`) })
        .user(0)
      await says(recipe, 'write', '/who', `${i}`, ',', 'sleep', '0.05', ',', 'write', '/true', `${i}`)
    }),
  )
  for (let i = 0; i < 8; i++) {
    assert.equal(
      readdirSync(join(parent, `upper-${i}`)).filter((name) => name === 'who' || name === 'true'),
      ['true', 'who'],
    )
    assert.is(readFileSync(join(parent, `upper-${i}`, 'who'), 'utf8'), `${i}`)
  }
})

test('one upper serves one sandbox right after the other, again and again', async (t) => {
  const layer = tree(t, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, 'x'])))
  const recipe = sandbox()
    .rootfs([probeRootfs, layer], { upper: upperIn(t) })
    .user(0)
  for (let i = 0; i < 40; i++) {
    const result = await runProbe(recipe, 'append', `/f${i}`, 'y', ',', 'unlink', `/f${i}`, ',', 'touch', `/f${i}`)
    assert.ok(result.ok, `run ${i}: ${result.stderr}`)
  }
})

test('an upper that a running sandbox has is refused to a second one', async (t) => {
  const recipe = sandbox().rootfs(probeRootfs, { upper: upperIn(t) })
  const child = await spawnProbe(t, recipe, ['sleep', '30'])
  const { step, code, hint } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code], ['workdir', 'EBUSY'])
  assert.match(hint ?? '', 'still running')
  child.kill('SIGKILL')
  await child.wait()
})

for (const name of ['a blank', 'comma,in,it', 'colon:in:it', 'back\\slash', 'ünï', 'new\nline', 'x'.repeat(255)]) {
  test(`an upper may be called ${JSON.stringify(name.slice(0, 30))}`, async (t) => {
    const upper = oddDirectory(t, name)
    await says(sandbox().rootfs(probeRootfs, { upper }).user(0), 'write', '/new', 'x')
    assert.is(readFileSync(join(upper, 'new'), 'utf8'), 'x')
    await assertNothingBeside(upper)
  })
}

test('a link to an upper is followed when the recipe is made', async (t) => {
  const upper = upperIn(t)
  const path = join(tree(t, { link: link(upper) }), 'link')
  await says(sandbox().rootfs(probeRootfs, { upper: path }).user(0), 'write', '/new', 'x')
  assert.ok(existsSync(join(upper, 'new')))
  assert.ok(lstatSync(path).isSymbolicLink())
})

test(
  'a mount point is no upper, since its work directory could not be beside it',
  async (t) => {
    const upper = upperIn(t)
    execFileSync('mount', ['--bind', upper, upper])
    t.cleanUp(() => execFileSync('umount', [upper]))
    assert.throws(
      () => sandbox().rootfs(probeRootfs, { upper }),
      /no mount point for rootfs\(\)\.upper.*directory in it/,
    )
  },
  { needs: root },
)

test(
  'on a full file system writing gives ENOSPC, and nothing is left beside it',
  async (t) => {
    const mount = tree(t)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mount])
    t.cleanUp(() => execFileSync('umount', [mount]))
    const upper = plant(join(mount, 'upper'), {})
    const recipe = sandbox().rootfs(probeRootfs, { upper }).user(0)
    assert.is(await fails(recipe, 'write-file', '/large', String(4 * 2 ** 20)), 'write: ENOSPC')
    await assertNothingBeside(upper)
  },
  // Before 6.3 tmpfs cannot be mounted with mapped ids, so that nobody inside may write to it.
  { only: kernelFrom(6, 3), needs: root },
)

test('an upper that is a layer, lies in one or holds one is refused', async (t) => {
  const layer = tree(t, { inner: {} })
  const to = tree(t, { link: link(layer) })
  for (const upper of [layer, join(layer, 'inner'), join(to, 'link/inner'), dirname(layer)]) {
    assert.throws(() => sandbox().rootfs([probeRootfs, layer], { upper }), /no layer, and in none.*rootfs\(\)\.upper/)
  }
  assert.ok(sandbox().rootfs([probeRootfs, layer], { upper: plant(`${layer}-beside`, {}) }))
  rmSync(`${layer}-beside`, { recursive: true })
})

test('without upper nothing is written to any disk: the root is gone with its sandbox', async () => {
  await says(box().user(0), 'write', '/new', 'x')
  assert.not.ok(existsSync(join(probeRootfs, 'new')))
})

test.run()
