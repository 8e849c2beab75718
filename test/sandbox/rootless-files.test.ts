// Subordinate ids and files: whose they are inside, whose on the host.
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { FileInfo } from '../support/ask.js'
import { CALLER, callerSuite } from '../support/caller.js'
import { asGranted, FIRST, GRANTED, subordinateIds } from '../support/subordinate.js'
import type { TestContext } from '../support/suite.js'

const test = callerSuite('rootless files')
const needs = subordinateIds

/** A directory that belongs to the caller. */
function ownDirectory(t: TestContext): string {
  const directory = t.tempDir()
  chownSync(directory, CALLER, CALLER)
  return directory
}

function file(path: string, uid: number, gid = uid, mode = 0o644): void {
  writeFileSync(path, `of ${uid}`)
  chownSync(path, uid, gid)
  chmodSync(path, mode)
}

/** A root file system as rootless podman unpacks it: its root is the caller, user n the granted id n - 1. */
function image(t: TestContext): string {
  const directory = ownDirectory(t)
  file(join(directory, 'root'), CALLER, CALLER, 0o600)
  file(join(directory, 'daemon'), FIRST.uid, FIRST.gid)
  file(join(directory, 'www'), FIRST.uid + 32, FIRST.gid + 32, 0o600)
  file(join(directory, 'host'), 0)
  return directory
}

const owners = (infos: readonly FileInfo[]) => infos.map(({ uid, gid }) => [uid, gid])

test(
  'an image that rootless podman has unpacked has the right owners inside, for root and for others',
  async (t) => {
    const directory = image(t)
    const stats = "'stat /root', 'stat /daemon', 'stat /www', 'stat /host'"
    const body = (recipe: string) => `return ask(sandbox().rootfs([rootfs, args[0]])${recipe}, ${stats})`
    const right = [
      [0, 0],
      [1, 1],
      [33, 33],
      [65534, 65534],
    ]
    const asRoot = await asGranted<FileInfo[]>(t, GRANTED, body(".user(0).subordinateIds('always')"), directory)
    assert.equal(owners(asRoot), right)
    const podman = ".user(33).subordinateIds('always', { callerId: 0 })"
    const answers = await asGranted<unknown[]>(
      t,
      GRANTED,
      `const recipe = sandbox().rootfs([rootfs, args[0]])${podman}
      return [...await ask(recipe, ${stats}), ...await ask(recipe, 'try-open /www', 'try-open /root', 'try-open-writable /daemon')]`,
      directory,
    )
    assert.equal(owners(answers.slice(0, 4) as FileInfo[]), right)
    assert.equal(answers.slice(4), ['ok', 'EACCES', 'EACCES'])

    const single = await asGranted<FileInfo[]>(t, GRANTED, body('.user(0)'), directory)
    assert.equal(owners(single), [
      [0, 0],
      [65534, 65534],
      [65534, 65534],
      [65534, 65534],
    ])
  },
  { needs },
)

test(
  'what is copied up keeps its owner, and the layer stays as it is',
  async (t) => {
    const directory = image(t)
    const [before, after, text] = await asGranted<[FileInfo, FileInfo, string]>(
      t,
      GRANTED,
      `return ask(sandbox().rootfs([rootfs, args[0]]).user(33).subordinateIds('always', { callerId: 0 }),
        'stat /www', 'write /www changed', 'stat /www', 'read /www')`,
      directory,
    )
    assert.equal(owners([before, after]), [
      [33, 33],
      [33, 33],
    ])
    assert.is(text, 'changed')
    assert.is(readFileSync(join(directory, 'www'), 'utf8'), `of ${FIRST.uid + 32}`)
  },
  { needs },
)

test(
  'files are given to other users inside, and that is who they belong to in an upper',
  async (t) => {
    const directory = ownDirectory(t)
    const upper = join(directory, 'upper')
    mkdirSync(upper)
    chownSync(upper, CALLER, CALLER)
    const [left, ...infos] = await asGranted<[string[], FileInfo, FileInfo, FileInfo]>(
      t,
      GRANTED,
      `const { readdirSync } = await import('node:fs')
      const recipe = sandbox().rootfs(rootfs, { upper: args[0] + '/upper' }).user(0).capabilities('chown', 'setuid')
      const infos = await ask(recipe, 'write /mine text', 'write /given text', 'chown 33 44 /given', 'mkdir /open', 'chmod 1777 /open',
        'stat /mine', 'stat /given', 'try-setuid 7', 'write /open/seven text', 'stat /open/seven')
      const endMs = performance.now() + 3000
      while (readdirSync(args[0]).length > 1 && performance.now() < endMs) await new Promise((done) => setTimeout(done, 20))
      return [readdirSync(args[0]), infos[0], infos[1], infos[3]]`,
      directory,
    )
    assert.equal(owners(infos), [
      [0, 0],
      [33, 44],
      [7, 0],
    ])
    const hostOwners = ['mine', 'given', 'open/seven'].map((name) => statSync(join(upper, name)))
    assert.equal(
      hostOwners.map(({ uid, gid }) => [uid, gid]),
      [
        [CALLER, CALLER],
        [FIRST.uid + 32, FIRST.gid + 43],
        [FIRST.uid + 6, CALLER],
      ],
    )
    assert.equal(left, ['upper'], 'the work directory is gone while the caller lives')
  },
  { needs },
)

test(
  "the caller's own files are the command's as in a map of one id, and nobody else's inside",
  async (t) => {
    const directory = ownDirectory(t)
    file(join(directory, 'secret'), CALLER, CALLER, 0o600)
    const [own, root] = await asGranted<[string[], string[]]>(
      t,
      GRANTED,
      `const bound = box().bind(args[0], '/d', { writable: true })
      return [
        await ask(bound.subordinateIds('always'), 'try-open-writable /d/secret', 'write /d/new text', 'say done'),
        await ask(bound.user(0).subordinateIds('always', { callerId: 1000 }), 'try-open /d/secret', 'try-open-writable /d/secret'),
      ]`,
      directory,
    )
    assert.equal(own, ['ok', 'done'])
    assert.equal(root, ['EACCES', 'EACCES'])
    assert.is(statSync(join(directory, 'new')).uid, CALLER)
  },
  { needs },
)

test(
  'a directory that only the caller may enter can be bound',
  async (t) => {
    const directory = ownDirectory(t)
    chmodSync(directory, 0o700)
    file(join(directory, 'file'), CALLER)
    const answers = await asGranted<string[]>(
      t,
      GRANTED,
      `return Promise.all(["1000", "0"].map(async (id) => {
        const recipe = box().user(33).subordinateIds('always', { callerId: Number(id) })
        return (await ask(recipe.bind(args[0] + '/file', '/file'), 'read /file'))[0]
      }))`,
      directory,
    )
    assert.equal(answers, [`of ${CALLER}`, `of ${CALLER}`])
  },
  { needs },
)

for (const user of ['', '.user(0)', '.user(33)']) {
  test(
    `the default root works, with pipes that can be opened by name${user && ` as ${user.slice(1)}`}`,
    async (t) => {
      const callerId = user.includes('33') ? ', { callerId: 0 }' : ''
      const { stdout, stderr } = await asGranted<{ stdout: string; stderr: string }>(
        t,
        GRANTED,
        `return sandbox()${user}.subordinateIds('always'${callerId}).run('sh',
          ['-c', 'id -un; echo x > /dev/stdout; cat /dev/stdin; echo e > /dev/stderr; : > /dev/null; cat /dev/null; touch /tmp/t'], { input: 'in' })`,
      )
      assert.equal([stdout, stderr], [`${user === '.user(0)' ? 'root' : 'user'}\nx\nin`, 'e\n'])
    },
    { needs },
  )
}

test(
  'a writable root is changed as whoever the command is',
  async (t) => {
    const directory = ownDirectory(t)
    mkdirSync(join(directory, 'bin'))
    for (const name of ['', 'bin']) chownSync(join(directory, name), CALLER, CALLER)
    t.cleanUp(() => rmSync(directory, { recursive: true, force: true }))
    const answers = await asGranted<string[]>(
      t,
      GRANTED,
      `const { copyFileSync, chmodSync } = await import('node:fs')
      copyFileSync(rootfs + '/probe', args[0] + '/probe')
      chmodSync(args[0] + '/probe', 0o755)
      const recipe = sandbox().rootfs(args[0], { mode: 'writable' }).user(0).capabilities('chown')
      return ask(recipe, 'write /bin/tool text', 'chown 1 2 /bin/tool', 'say done')`,
      directory,
    )
    assert.equal(answers, ['done'])
    const { uid, gid } = statSync(join(directory, 'bin/tool'))
    assert.equal([uid, gid], [FIRST.uid, FIRST.gid + 1])
  },
  { needs },
)

test.run()
