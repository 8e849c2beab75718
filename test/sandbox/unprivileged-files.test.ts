// Callers that are not root, and files: rootfs, layers, devices and binds with nothing but their own rights.
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { FileInfo } from '../support/ask.js'
import { asCaller, CALLER, callerSuite, type Refusal } from '../support/caller.js'
import { root } from '../support/host.js'
import type { TestContext } from '../support/suite.js'

const test = callerSuite('unprivileged files')

/** A directory that belongs to the caller. */
function ownDirectory(t: TestContext): string {
  const directory = t.tempDir()
  chownSync(directory, CALLER, CALLER)
  return directory
}

test('a rootfs has a writable layer above, and stays as it is', async (t) => {
  const directory = ownDirectory(t)
  writeFileSync(join(directory, 'file'), 'before')
  chownSync(join(directory, 'file'), CALLER, CALLER)
  const [file, text] = await asCaller<[FileInfo, string]>(
    `return ask(sandbox().rootfs([rootfs, args[0]]), 'write /file after', 'touch /new', 'stat /new', 'read /file')`,
    directory,
  )
  assert.is(text, 'after')
  assert.equal([file.uid, file.gid], [1000, 1000])
  assert.is(readFileSync(join(directory, 'file'), 'utf8'), 'before')
  assert.equal(readdirSync(directory), ['file'])
})

test('an upper directory keeps what was written, as a file of the caller', async (t) => {
  const directory = ownDirectory(t)
  mkdirSync(join(directory, 'upper'))
  chownSync(join(directory, 'upper'), CALLER, CALLER)
  const left = await asCaller<string[]>(
    `const { readdirSync } = await import('node:fs')
    await ask(sandbox().rootfs(rootfs, { upper: args[0] + '/upper' }), 'write /kept text', 'say done')
    const endMs = performance.now() + 3000
    while (readdirSync(args[0]).length > 1 && performance.now() < endMs) await new Promise((done) => setTimeout(done, 20))
    return readdirSync(args[0])`,
    directory,
  )
  assert.is(readFileSync(join(directory, 'upper/kept'), 'utf8'), 'text')
  assert.is(statSync(join(directory, 'upper/kept')).uid, CALLER)
  assert.equal(left, ['upper'], 'the work directory is gone while the caller lives')
})

test('the default root works, with pipes that can be opened by name', async () => {
  const { stdout, stderr, exitCode } = await asCaller<{ stdout: string; stderr: string; exitCode: number }>(
    `return sandbox().run('sh', ['-c', 'id -un; echo x > /dev/stdout; cat /dev/stdin; touch /usr/x'], { input: 'in' })`,
  )
  assert.is(stdout, 'user\nx\nin')
  assert.match(stderr, 'Read-only file system')
  assert.is.not(exitCode, 0)
})

test('the devices are the usual ones', async () => {
  const [listed, info, opened] = await asCaller<[string[], FileInfo, string]>(
    `return ask(box(), 'ls /dev', 'stat /dev/null', 'try-open-writable /dev/null', 'try-open /dev/ptmx')`,
  )
  const names = ['fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty']
  assert.equal(listed, [...names, 'urandom', 'zero'])
  assert.equal([info.type, info.device, opened], ['character device', '1:3', 'ok'])
})

test("the caller's own files are bound, read-only unless told", async (t) => {
  const directory = ownDirectory(t)
  writeFileSync(join(directory, 'secret'), 'mine')
  chownSync(join(directory, 'secret'), CALLER, CALLER)
  chmodSync(join(directory, 'secret'), 0o600)
  const answers = await asCaller<string[]>(
    `return [
      ...await ask(box().bind(args[0], '/d'), 'try-open /d/secret', 'try-open-writable /d/secret'),
      ...await ask(box().bind(args[0], '/d', { writable: true }), 'try-open-writable /d/secret', 'write /d/new text', 'say done'),
    ]`,
    directory,
  )
  assert.equal(answers, ['ok', 'EROFS', 'ok', 'done'])
  assert.is(readFileSync(join(directory, 'new'), 'utf8'), 'text')
  assert.is(statSync(join(directory, 'new')).uid, CALLER)
})

test(
  'what the caller may not read cannot be read inside, nor bound',
  async (t) => {
    const directory = t.tempDir()
    writeFileSync(join(directory, 'foreign'), 'not yours', { mode: 0o600 })
    mkdirSync(join(directory, 'closed/within'), { recursive: true })
    chmodSync(join(directory, 'closed'), 0o700)
    const [read, bound] = await asCaller<[string[], Refusal]>(
      `return [
      await ask(box().user(0).bind(args[0], '/d', { writable: true }), 'try-open /d/foreign', 'try-open-writable /d/foreign'),
      await refusal(ask(box().bind(args[0] + '/closed/within', '/d'), 'ls /d')),
    ]`,
      directory,
    )
    assert.equal(read, ['EACCES', 'EACCES'])
    assert.is(bound.name, 'SandboxSetupError')
    assert.is(bound.code, 'EACCES')
  },
  { needs: root }, // to have files of another user
)

test.run()
