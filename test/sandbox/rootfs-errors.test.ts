// A root or a mount that cannot be put together is a SandboxSetupError that names the step and the path, and is told before
// anything of the program has run.
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { root } from '../support/host.js'
import { fails, setupFailure } from '../support/inside.js'
import { suite } from '../support/suite.js'
import { plant, tree, withMode } from '../support/trees.js'

const test = suite('rootfs errors', { warmUp: true })

for (const mode of ['overlay', 'readonly', 'writable'] as const) {
  test(`a rootfs that is gone when the sandbox starts is ENOENT at step layer, in mode '${mode}'`, async (t) => {
    const directory = plant(join(tree(t), 'rootfs'), {})
    const recipe = sandbox().rootfs(directory, { mode })
    rmSync(directory, { recursive: true })
    for (const start of [() => recipe.run('/true'), () => recipe.spawn('/true')]) {
      const { step, code, path, errno } = await setupFailure(start())
      assert.equal([step, code, path, errno], ['layer', 'ENOENT', directory, 2])
    }
  })
}

test('of several layers the one that is gone is named', async (t) => {
  const [first, gone] = [tree(t), plant(join(tree(t), 'gone'), {})]
  const recipe = sandbox().rootfs([probeRootfs, first, gone])
  rmSync(gone, { recursive: true })
  const { step, code, path } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code, path], ['layer', 'ENOENT', gone])
})

test('a layer that has become a file is ENOTDIR at step layer', async (t) => {
  const directory = plant(join(tree(t), 'rootfs'), {})
  const recipe = sandbox().rootfs([probeRootfs, directory])
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'a file')
  const { step, code, path } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code, path], ['layer', 'ENOTDIR', directory])
})

test('an upper that is gone when the sandbox starts is an error that names it, and leaves nothing', async (t) => {
  const upper = plant(join(tree(t), 'upper'), {})
  const recipe = sandbox().rootfs(probeRootfs, { upper })
  rmSync(upper, { recursive: true })
  const { step, code, path } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code, path], ['overlay', 'ENOENT', upper])
})

test('a bind source that does not exist is ENOENT at step bind-source, with its path', async (t) => {
  const source = join(tree(t), 'no-such')
  for (const recipe of [
    box().bind(source, '/data'),
    sandbox().bind(source),
    box().bind(source, '/d', { writable: true }),
  ]) {
    const { step, code, path, errno, hint } = await setupFailure(recipe.run('/true'))
    assert.equal([step, code, path, errno], ['bind-source', 'ENOENT', source, 2])
    assert.match(hint ?? '', 'optional')
  }
})

test('of many binds the one that fails is named', async (t) => {
  const source = tree(t, { file: '' })
  let recipe = box()
  for (let i = 0; i < 300; i++) recipe = recipe.bind(join(source, i === 271 ? 'missing' : 'file'), `/data/${i}`)
  const { step, path } = await setupFailure(recipe.run('/true'))
  assert.equal([step, path], ['bind-source', join(source, 'missing')])
})

test('an optional source is excused for being missing, and for nothing else', async (t) => {
  const source = tree(t, { file: '' })
  const recipe = box().bind(join(source, 'file/below'), '/data', { optional: true })
  const { step, code } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code], ['bind-source', 'ENOTDIR'])
})

test('a file that does not fit into the layer in memory is ENOSPC at step file, with its path', async () => {
  const recipe = sandbox()
    .rootfs(probeRootfs, { size: '1MiB' })
    .file('/large', Buffer.alloc(2 ** 21))
  const { step, code, path } = await setupFailure(recipe.run('/true'))
  assert.equal([step, code, path], ['file', 'ENOSPC', '/large'])
})

test(
  'more binds than can be lent are a typed error, and nothing hangs or is left',
  async (t) => {
    const source = tree(t)
    let recipe = box()
    for (let i = 0; i < 4200; i++) recipe = recipe.bind(source, `/data/${i}`)
    const { code, sandboxCode } = await setupFailure(recipe.run('/true'))
    assert.equal([code, sandboxCode], ['E2BIG', 'ERR_SANDBOX_SETUP'])
  },
  { needs: root },
)

test('a target that is longer than a path can be is an error with that path', async () => {
  const target = `/${'d'.repeat(200)}`.repeat(30)
  const { step, code, path } = await setupFailure(box().tmpfs(target).run('/true'))
  assert.equal([step, code, path], ['tmpfs', 'ENAMETOOLONG', target])
  const name = `/${'d'.repeat(256)}`
  const { code: nameCode } = await setupFailure(box().file(name, '').run('/true'))
  assert.is(nameCode, 'ENAMETOOLONG')
})

test('after a failure the same recipe works as soon as its cause is gone', async (t) => {
  const source = join(tree(t), 'later')
  const recipe = box().bind(source, '/data')
  await setupFailure(recipe.run('/true'))
  plant(source, { file: '' })
  assert.ok((await recipe.run('/true')).ok)
})

test(
  'a rootfs that the caller itself may not enter is refused when the recipe is made',
  async (t) => {
    const directory = join(tree(t, { private: withMode(0o700, { rootfs: {} }) }), 'private/rootfs')
    const source = `import { sandbox } from 'cofferdam'
      try { sandbox().rootfs(process.argv[1]) } catch (error) { console.log(error.name, error.code, error.message) }`
    const { stdout, stderr } = await runNode(source, { uid: 54321, args: [directory] })
    assert.match(stdout, /^TypeError ERR_SANDBOX_INVALID_OPTION .*EACCES/, stderr)
  },
  { needs: root },
)

test(
  'a caller without privileges gets the same errors, with the same steps and paths',
  async (t) => {
    const directory = tree(t, { rootfs: {}, file: 'x' })
    const source = `import { sandbox } from 'cofferdam'
      const [directory, rootfs] = process.argv.slice(1)
      const tell = (recipe, file) => recipe.run(file).then(
        (result) => console.log(result.explain()),
        (error) => console.log(error.name, error.step, error.code, error.path))
      await tell(sandbox().rootfs(rootfs), '/no/such')
      await tell(sandbox().rootfs(rootfs).cwd('/nowhere'), '/true')
      await tell(sandbox().rootfs(rootfs).mask('/nowhere'), '/true')
      await tell(sandbox().rootfs(rootfs).bind(directory + '/missing', '/data'), '/true')
      await tell(sandbox().rootfs(rootfs).bind(directory + '/missing', '/data', { optional: true }), '/true')
      await tell(sandbox().rootfs(rootfs).bind(directory + '/file', '/true/below'), '/true')`
    const { stdout, stderr, code } = await runNode(source, { uid: 54321, args: [directory, probeRootfs] })
    const [noProgram, noCwd, noMask, noSource, optional, badTarget] = stdout.split('\n')
    assert.is(code, 0, stderr)
    assert.is(noProgram, 'SandboxSetupError exec ENOENT /no/such')
    assert.is(noCwd, 'SandboxSetupError exec ENOENT /nowhere')
    assert.is(noMask, 'SandboxSetupError mask ENOENT /nowhere')
    assert.is(noSource, `SandboxSetupError bind-source ENOENT ${directory}/missing`)
    assert.match(optional ?? '', 'exited normally')
    assert.is(badTarget, 'SandboxSetupError bind ENOTDIR /true/below')
  },
  { needs: root },
)

test('a sandbox on a full host file system fails with ENOSPC inside, not with an error of its own', async () => {
  const recipe = sandbox().rootfs(probeRootfs, { size: '64KiB' }).user(0)
  assert.is(await fails(recipe, 'write-file', '/large', '1000000'), 'write: ENOSPC')
})

test('a working directory outside of the root is not entered, though a descriptor that was handed in leads to it', async (t) => {
  const directory = openSync(tree(t), 'r')
  t.cleanUp(() => closeSync(directory))
  for (const recipe of [box(), box().seccomp('off')]) {
    const start = recipe.cwd('/proc/self/fd/0').spawn('/true', [], { stdin: directory })
    const { step, code, path } = await setupFailure(start)
    assert.equal([step, code, path], ['exec', 'EXDEV', '/proc/self/fd/0'])
  }
})

test.run()
