// The root of a recipe without rootfs(): the host's programs run, and nothing else of the host is there or can be written.
import { existsSync, readdirSync } from 'node:fs'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { probeRootfs, runProbe } from '../support/boxes.js'
import { command, root } from '../support/host.js'
import { fails, json, says } from '../support/inside.js'
import { probe } from '../support/probe.js'
import { suite } from '../support/suite.js'

const test = suite('default root', { warmUp: true })
const withProbe = () => sandbox().bind(probe(), '/probe')

/** Runs a shell script; its output. */
async function shell(script: string, recipe = sandbox()): Promise<string> {
  const result = await recipe.run('sh', ['-c', script])
  if (!result.ok) throw new Error(`${result.explain()} ${result.stderr}`)
  return result.stdout
}

test('a shell runs pipelines of the host’s tools', async () => {
  assert.is(await shell('printf "b\\na\\n" | sort | tr a-z A-Z'), 'A\nB\n')
})

test(
  'python3 runs, and finds its library',
  async () => {
    const script = 'import json, os, math; print(json.dumps([math.factorial(20), os.getuid()]))'
    const result = await sandbox().run('/usr/bin/python3', ['-c', script])
    assert.is(result.stdout, '[2432902008176640000, 1000]\n', result.stderr)
  },
  { needs: () => (existsSync('/usr/bin/python3') ? undefined : 'needs /usr/bin/python3') },
)

test(
  'the C compiler makes a program in /tmp that runs',
  async () => {
    const source = '#include <stdio.h>\nint main(void) { puts("compiled"); return 0; }\n'
    const script = 'cc -O1 -o /tmp/a.out -x c - && /tmp/a.out'
    // The compiler looks for its linker on the PATH.
    const recipe = sandbox().env({ PATH: '/usr/bin:/bin' })
    const result = await recipe.run('sh', ['-c', script], { input: source })
    assert.is(result.stdout, 'compiled\n', result.stderr)
  },
  { needs: command('cc') },
)

test('a large source tree of the host’s headers can be read whole', async () => {
  const files = Number(await shell('find /usr/lib /usr/share -type f 2>/dev/null | head -2000 | wc -l'))
  assert.ok(files > 100, `${files} files`)
})

for (const path of ['/', '/usr', '/usr/bin', '/etc', '/etc/passwd', '/bin', '/run', '/proc', '/sys', '/var']) {
  test(`${path} cannot be written, not even by the sandbox's root`, async () => {
    for (const uid of [0, 1000]) {
      const result = await runProbe(withProbe().user(uid), 'write', path.endsWith('passwd') ? path : `${path}/new`, 'x')
      assert.not.ok(result.ok, `user ${uid} could write in ${path}`)
      assert.match(result.stderr, /open: (EROFS|EACCES|EPERM|ENOENT)/)
    }
  })
}

test(
  '/dev can be written by the sandbox’s root alone, and only in memory',
  async () => {
    assert.is(await fails(withProbe(), 'write', '/dev/new', 'x'), 'open: EACCES')
    const size = await json<{ blockSize: number; blocks: number }>(withProbe(), 'statfs', '/dev')
    assert.ok(size.blockSize * size.blocks <= 64 * 1024)
  },
  { needs: root },
)

test('/tmp, /var/tmp and /dev/shm can be written', async () => {
  assert.is(
    await shell('for d in /tmp /var/tmp /dev/shm; do echo $d > $d/f && cat $d/f; done'),
    '/tmp\n/var/tmp\n/dev/shm\n',
  )
})

test('no other file system inside can be written', async () => {
  const writable: string[] = []
  for (const line of (await says(withProbe(), 'mounts')).trim().split('\n')) {
    const [, , , , target = '', options = '', ...rest] = line.split(' ')
    const type = rest[rest.indexOf('-') + 1] ?? ''
    if (options.split(',').includes('rw')) writable.push(`${target} ${type}`)
  }
  const expected = ['/dev tmpfs', '/dev/mqueue mqueue', '/dev/pts devpts', '/dev/shm tmpfs', '/proc proc', '/tmp tmpfs']
  const devices = /^\/dev\/(null|zero|full|random|urandom|tty) /
  assert.equal(
    writable.filter((mount) => !expected.includes(mount) && !devices.test(mount)),
    [],
  )
})

test('the host’s users, homes and secrets are not there', async () => {
  for (const path of [
    '/root',
    '/home',
    '/etc/shadow',
    '/etc/gshadow',
    '/etc/sudoers',
    '/etc/ssh',
    '/etc/fstab',
    '/boot',
  ]) {
    assert.is(await says(withProbe().user(0), 'try-open', path), 'ENOENT\n', path)
  }
  assert.is(await says(withProbe().user(0), 'try-open', '/etc/ssl/private'), 'ENOENT\n')
  assert.is(await says(withProbe().user(0), 'try-open', probeRootfs), 'ENOENT\n')
})

test('/ holds system directories and nothing else of the host', async () => {
  const known = ['bin', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'libx32', 'proc', 'run', 'sbin', 'tmp', 'usr', 'var']
  const names = (await shell('ls -A /')).trim().split('\n')
  assert.equal(
    names.filter((name) => !known.includes(name)),
    [],
  )
  assert.ok(names.includes('usr') && readdirSync('/usr').includes('bin'))
})

test('passwd and group tell of root, the sandbox’s user and nobody', async () => {
  const recipe = withProbe().user(1234, 567)
  const accounts = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.split(':').slice(0, 4).join(':'))
  const passwd = await says(recipe, 'read', '/etc/passwd')
  assert.equal(accounts(passwd), ['root:x:0:0', 'user:x:1234:567', 'nobody:x:65534:65534'])
  const group = await says(recipe, 'read', '/etc/group')
  assert.equal(accounts(group), ['root:x:0:', 'tty:x:5:', 'user:x:567:', 'nogroup:x:65534:'])
  assert.is(await shell('id -un; id -gn', sandbox().user(1234, 567)), 'user\nuser\n')
})

test('the host name and localhost resolve', async () => {
  const hosts = await says(withProbe().hostname('inside'), 'read', '/etc/hosts')
  assert.match(hosts, /^127\.0\.0\.1 .*\binside\b/m)
  assert.is(await says(withProbe().hostname('inside'), 'read', '/etc/hostname'), 'inside\n')
})

test('what the caller puts into it has the size it has: several MiB of file()', async () => {
  const content = Buffer.alloc(5 * 2 ** 20, 'x')
  const recipe = withProbe().file('/data/large', content).file('/data/small', 'y')
  assert.is((await json<{ size: number }>(recipe, 'stat', '/data/large')).size, content.length)
  assert.is(await fails(recipe.user(0), 'write', '/data/new', 'x'), 'open: EROFS')
})

test.run()
