// A rootfs is untrusted: any component of a mount's target may be a symbolic link that leads out of it (CVE-2021-30465,
// its static part). Whatever the link, nothing of the host is touched, and the program never sees what lies outside.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sandbox, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { json, lines, says, setupFailure } from '../support/inside.js'
import { probe } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'
import { type Entries, link, listing, plant, tree, withMode } from '../support/trees.js'

const test = suite('targets', { warmUp: true })
const MODES = ['overlay', 'readonly', 'writable'] as const

/** A directory of the host that nobody may touch. */
function outsideOf(t: TestContext): string {
  return tree(t, { victim: withMode(0o666, 'untouched'), dir: withMode(0o777, { inner: 'untouched' }) })
}

/** A rootfs with these entries, in each mode; with the writable one the probe is bound. */
function* recipes(t: TestContext, entries: Entries): Generator<[mode: string, recipe: Sandbox, directory: string]> {
  for (const mode of MODES) {
    const directory = tree(t, { ...entries, probe: '' })
    const layers = mode === 'writable' ? directory : [probeRootfs, tree(t), directory]
    yield [mode, sandbox().rootfs(layers, { mode }).bind(probe(), '/probe').user(0), directory]
  }
}

/** How opening a path inside ends, if the sandbox is set up: inside the root a link may lead nowhere. */
async function seenOf(path: string, recipe: Sandbox): Promise<string> {
  return says(recipe, 'try-open', path).catch((error: unknown) => {
    if (error instanceof SandboxSetupError) return 'refused'
    throw error
  })
}

// Every way in which a link can lead to the host's directory.
const WAYS: [what: string, make: (outside: string) => Entries, target: string][] = [
  ['an absolute link', (outside) => ({ at: link(outside) }), '/at'],
  ['a relative link that climbs', (outside) => ({ at: link(`../../../../../../../..${outside}`) }), '/at'],
  ['a link to a link', (outside) => ({ at: link('other'), other: link(outside) }), '/at'],
  ['a link in the middle', (outside) => ({ etc: link(outside) }), '/etc/dir'],
  ['a relative link in the middle', (outside) => ({ a: { b: link(`../../../../../..${outside}`) } }), '/a/b/dir'],
  [
    'a link of the rootfs onto its own parent',
    (outside) => ({ a: { up: link('..'), host: link(outside) } }),
    '/a/up/a/host',
  ],
]

for (const [what, make, target] of WAYS) {
  test(`${what} that leads to the host keeps binds, files, links and masks inside`, async (t) => {
    const outside = outsideOf(t)
    const source = tree(t, { bound: 'bound' })
    const [victim, before] = [join(outside, 'victim'), listing(outside)]
    const additions: [string, (recipe: Sandbox) => Sandbox][] = [
      ['bind', (recipe) => recipe.bind(source, target, { writable: true })],
      ['bind of a file', (recipe) => recipe.bind(join(source, 'bound'), target)],
      ['tmpfs', (recipe) => recipe.tmpfs(target)],
      ['file', (recipe) => recipe.file(target, 'made')],
      ['file below', (recipe) => recipe.file(`${target}/deep/made`, 'made')],
      ['symlink', (recipe) => recipe.symlink('/etc', `${target}/deep/link`)],
      ['mask', (recipe) => recipe.mask(target)],
    ]
    for (const [kind, add] of additions) {
      for (const [mode, recipe] of recipes(t, make(outside))) {
        assert.ok(['refused', 'ENOENT\n'].includes(await seenOf(victim, add(recipe))), `${kind}, ${mode}`)
        assert.equal(listing(outside), before, `${kind}, ${mode}`)
      }
    }
  })
}

test('where the link leads to a directory of the rootfs itself, the mount is there', async (t) => {
  const source = tree(t, { file: 'bound' })
  for (const [mode, recipe] of recipes(t, { run: { real: {} }, var: { run: link('/run') } })) {
    assert.is(await says(recipe.bind(source, '/var/run/real'), 'read', '/run/real/file'), 'bound', mode)
    assert.is(await says(recipe.file('/var/run/made', 'x'), 'read', '/run/made'), 'x', mode)
    assert.equal(await json(recipe.tmpfs('/var/run'), 'ls', '/run'), [], mode)
  }
})

test('where the link climbs above the root it ends at the root', async (t) => {
  const source = tree(t, { file: 'bound' })
  for (const [, recipe] of recipes(t, { real: {}, up: link('../../../../real') })) {
    assert.is(await says(recipe.bind(source, '/up'), 'read', '/real/file'), 'bound')
  }
})

test('a dangling link as target is an error with its path, not a file where it leads', async (t) => {
  const [source, outside] = [tree(t, { file: 'x' }), join(tree(t), 'made')]
  for (const [, recipe, directory] of recipes(t, { at: link(outside), etc: { at: link('nowhere') } })) {
    for (const target of ['/at', '/etc/at']) {
      for (const [step, refused] of [
        ['bind', recipe.bind(join(source, 'file'), target)],
        ['tmpfs', recipe.tmpfs(target)],
      ] as const) {
        const { code, path, ...error } = await setupFailure(refused.run('/probe'))
        assert.equal([error.step, code, path], [step, 'EEXIST', target])
      }
    }
    assert.not.ok(existsSync(outside))
    assert.not.ok(existsSync(join(directory, 'etc/nowhere')))
  }
})

test('links that go round are an error with the path', async (t) => {
  const source = tree(t, { file: 'x' })
  for (const [, recipe] of recipes(t, { a: link('b'), b: link('a'), self: link('self') })) {
    for (const target of ['/a', '/self', '/a/below/it']) {
      const { step, code, path, hint } = await setupFailure(recipe.bind(source, target).run('/probe'))
      assert.equal([step, code, path], ['bind', 'ELOOP', target])
      assert.match(hint ?? '', 'a link that leads nowhere or round')
    }
    const mask = await setupFailure(recipe.mask('/self').run('/probe'))
    assert.equal([mask.step, mask.code, mask.path], ['mask', 'ELOOP', '/self'])
  }
})

test('magic links of /proc are not followed: they lead to the host’s root while it is still there', async (t) => {
  const source = tree(t, { file: 'x' })
  const ways = ['/proc/self/root/tmp', '/proc/1/root', '/proc/self/cwd', '/proc/self/fd/3', '/proc/self/exe']
  const entries = Object.fromEntries(ways.map((way, i) => [`way-${i}`, link(way)]))
  for (const [, recipe] of recipes(t, entries)) {
    for (const target of [...ways, ...ways.map((_, i) => `/way-${i}/made`)]) {
      for (const refused of [recipe.bind(source, target), recipe.file(`${target}/new`, 'x'), recipe.mask(target)]) {
        const { code } = await setupFailure(refused.run('/probe'))
        assert.ok(['ELOOP', 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(code), `${target}: ${code}`)
      }
    }
  }
})

for (const name of ['proc', 'dev', 'tmp']) {
  test(`/${name} being a link to the host does not mount anything there`, async (t) => {
    const outside = outsideOf(t)
    const before = listing(outside)
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    for (const [mode, recipe] of recipes(t, { [name]: link(join(outside, 'dir')) })) {
      assert.ok(['refused', 'ENOENT\n'].includes(await seenOf(join(outside, 'victim'), recipe)), mode)
      assert.equal(listing(outside), before, mode)
      assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
    }
  })
}

test('/proc being a link to another directory of the rootfs is masked and read-only all the same', async (t) => {
  const recipe = sandbox()
    .rootfs([probeRootfs, tree(t, { proc: link('elsewhere'), elsewhere: {} })])
    .user(0)
  const [sysctl, timers] = await lines(
    recipe,
    ...['statfs', '/proc/sys', ',', 'stat', '/proc/timer_list', ',', 'read', '/proc/timer_list'],
  )
  assert.match(sysctl ?? '', '"readOnly":true')
  assert.match(timers ?? '', '"mode":"444","uid":0,"gid":0,"size":0')
})

test('devices and their links in a rootfs do not take the place of the sandbox’s own', async (t) => {
  const outside = outsideOf(t)
  const dev = {
    null: link(join(outside, 'victim')),
    zero: link('/etc'),
    shm: link(join(outside, 'dir')),
    pts: 'a file',
  }
  for (const [mode, recipe] of recipes(t, { dev })) {
    const { type } = await json<{ type: string }>(recipe, 'stat', '/dev/null')
    assert.is(type, 'character device', mode)
    await says(recipe, 'write', '/dev/null', 'x', ',', 'touch', '/dev/shm/new')
  }
  assert.is(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched')
})

test('a directory on a file and a file on a directory are errors with the path of the target', async (t) => {
  const source = plant(join(tree(t), 'source'), { file: 'x', dir: {} })
  for (const [, recipe] of recipes(t, { file: 'x', dir: {}, deep: { file: 'x' } })) {
    for (const [name, target] of [
      ['dir', '/file'],
      ['file', '/dir'],
      ['dir', '/deep/file/below'],
    ] as const) {
      const error = await setupFailure(recipe.bind(join(source, name), target).run('/probe'))
      assert.equal([error.step, error.code, error.path], ['bind', 'ENOTDIR', target])
    }
    const tmpfs = await setupFailure(recipe.tmpfs('/file').run('/probe'))
    assert.equal([tmpfs.step, tmpfs.code, tmpfs.path], ['tmpfs', 'ENOTDIR', '/file'])
  }
})

test.run()
