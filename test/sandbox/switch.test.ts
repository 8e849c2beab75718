// How the root becomes `/`: pivot_root and switch_root leave nothing of the old root to reach; chroot is for sandboxes that
// share the host's mounts.
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { fails, json, lines, says, setupFailure } from '../support/inside.js'
import { tinyRootfs } from '../support/probe.js'
import { suite } from '../support/suite.js'
import { listing, plant, tree, withMode } from '../support/trees.js'

const test = suite('switch', { warmUp: true })
const SWITCHES = ['pivot_root', 'switch_root'] as const

interface Mount {
  root: string
  target: string
  type: string
}

async function mountsInside(recipe: Sandbox): Promise<Mount[]> {
  return (await lines(recipe, 'mounts')).map((line) => {
    const fields = line.split(' ')
    return { root: fields[3] ?? '', target: fields[4] ?? '', type: fields[fields.indexOf('-') + 1] ?? '' }
  })
}

for (const how of SWITCHES) {
  const recipe = (options = {}) => sandbox().rootfs(probeRootfs, { switch: how, ...options })

  test(`${how}: the mounts inside are the sandbox's own, and none of the host's`, async (t) => {
    const mounts = await mountsInside(recipe().bind(tree(t), '/data').tmpfs('/scratch'))
    const own = ['/', '/data', '/dev', '/dev/mqueue', '/dev/pts', '/dev/shm', '/proc', '/scratch', '/tmp']
    // Masks, and for a caller without privileges the devices, each bound by itself.
    const others = mounts.filter(({ target }) => !own.includes(target) && !/^\/(proc\/|dev\/[a-z]+$)/.test(target))
    assert.equal(others, [])
    for (const target of own) assert.is(mounts.filter((mount) => mount.target === target).length, 1, target)
    assert.is(mounts.find(({ target }) => target === '/')?.type, 'overlay')
  })

  test(`${how}: the host's root cannot be reached, by '..', by /proc or by what is open`, async () => {
    const accounts = ['read', '/etc/passwd']
    assert.is(await fails(recipe().user(0), ...accounts), 'open: ENOENT')
    const climb = `/${'../'.repeat(40)}etc/passwd`
    assert.is(await fails(recipe().user(0), 'read', climb), 'open: ENOENT')
    assert.is(await fails(recipe().user(0), 'read', '/proc/self/root/etc/passwd'), 'open: ENOENT')
    assert.is(await fails(recipe().user(0), 'read', '/proc/1/root/etc/passwd'), 'open: EACCES')
    assert.is(await says(recipe().user(0), 'readlink', '/proc/self/root', ',', 'readlink', '/proc/self/cwd'), '/\n/\n')
    assert.equal(await json(recipe(), 'fds'), { 0: 'device', 1: 'pipe', 2: 'pipe' })
  })

  test(`${how}: the same program sees the same root`, async (t) => {
    const layer = tree(t, { etc: { motd: 'x' } })
    const layered = sandbox().rootfs([probeRootfs, layer], { switch: how }).user(0)
    assert.equal(await json(layered, 'ls', '/'), ['dev', 'etc', 'probe', 'proc', 'tmp', 'true'])
    assert.is(await says(layered, 'append', '/etc/motd', 'y', ',', 'read', '/etc/motd'), 'xy')
    assert.is(await fails(recipe({ mode: 'readonly' }).user(0), 'touch', '/new'), 'open: EROFS')
  })

  test(`${how}: a second change of root is refused even to the sandbox's root with every capability it asks for`, async () => {
    const capable = recipe().user(0).capabilities('sys_chroot').seccomp('off')
    assert.is(await fails(capable, 'read', '/proc/1/root/etc/passwd'), 'open: EACCES')
    assert.is(await says(capable, 'try-umount', '/', ',', 'try-mount', '/tmp'), 'EPERM\nEPERM\n')
  })

  test(`${how}: a writable rootfs on a file system of its own`, async (t) => {
    const made = tinyRootfs()
    t.cleanUp(() => made.remove())
    const result = await says(sandbox().rootfs(made.path, { mode: 'writable', switch: how }).user(0), 'ls', '/')
    assert.equal(JSON.parse(result), ['dev', 'probe', 'proc', 'tmp', 'true'])
  })
}

test('with its own mounts the process is in a mount namespace of its own, without it in the host’s', async () => {
  const ns = async (recipe: Sandbox) => (await json<{ mnt: string }>(recipe, 'ns')).mnt
  assert.not.equal(await ns(box()), readlinkSync('/proc/self/ns/mnt'))
})

test(
  'chroot: the directory is the root, and the mounts are the host’s',
  async (t) => {
    const made = tinyRootfs()
    t.cleanUp(() => made.remove())
    plant(made.path, { etc: { motd: 'x' } })
    const recipe = sandbox().share('mount').rootfs(made.path, { switch: 'chroot' })
    assert.equal(await json(recipe, 'ls', '/'), ['etc', 'probe', 'true'])
    assert.equal(await json(recipe, 'ls', `/${'../'.repeat(40)}`), ['etc', 'probe', 'true'])
    assert.is(await fails(recipe, 'read', '/etc/passwd'), 'open: ENOENT')
    assert.is((await json<{ cwd: string }>(recipe, 'process')).cwd, '/')
    assert.is((await json<{ cwd: string }>(recipe.cwd('/etc'), 'process')).cwd, '/etc')
  },
  { needs: root },
)

test(
  'chroot: what belongs to the host’s root cannot be changed, what anyone may write can',
  async (t) => {
    const made = tinyRootfs()
    t.cleanUp(() => made.remove())
    plant(made.path, { shut: 'x', open: withMode(0o777, {}) })
    const before = listing(made.path).filter((line) => !line.startsWith('open'))
    const recipe = sandbox().share('mount').rootfs(made.path, { switch: 'chroot' }).user(0)
    assert.is(await fails(recipe, 'write', '/shut', 'y'), 'open: EACCES')
    assert.is(await fails(recipe, 'touch', '/new'), 'open: EACCES')
    await says(recipe, 'write', '/open/new', 'x')
    assert.equal(
      listing(made.path).filter((line) => !line.startsWith('open')),
      before,
    )
  },
  { needs: root },
)

test(
  'chroot: a directory that the sandbox’s user may not enter is an error with its path',
  async (t) => {
    const outer = join(tree(t, { outer: withMode(0o700, { inner: {} }) }), 'outer/inner')
    const recipe = sandbox().share('mount').rootfs(outer, { switch: 'chroot' })
    const { step, code, path } = await setupFailure(recipe.run('/true'))
    assert.equal([step, code, path], ['switch', 'EACCES', outer])
  },
  { needs: root },
)

test('without a mount namespace and without a rootfs the program has the host’s own root', async () => {
  const recipe = sandbox().share('mount')
  const result = await recipe.run('/bin/sh', ['-c', 'readlink /proc/self/ns/mnt; ls /'])
  assert.match(result.stdout, readlinkSync('/proc/self/ns/mnt'))
})

test.run()
