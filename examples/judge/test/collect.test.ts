// What is taken out of a box: plain files of bounded size, whatever a program has left there.
import type { Box } from 'cofferdam'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import type { TestContext } from '../../../test/support/suite.js'
import { BoxDirectory, CollectError } from '../src/engine/collect.js'
import { patientSuite } from './patient.js'

const test = patientSuite('judge: collecting', { warmUp: true })

async function left(t: TestContext, script: string): Promise<BoxDirectory> {
  const recipe = sandbox().env({ PATH: '/usr/bin:/bin' }).tmpfs('/w', { size: '8MiB', mode: 0o777 }).cwd('/w')
  const box: Box = await recipe.limits({ wallTime: '20s' }).open()
  t.cleanUp(() => box.close())
  const result = await box.run('sh', ['-c', script])
  assert.ok(result.ok, result.explain() + result.stderr)
  await box.onIdle()
  const directory = await BoxDirectory.open(box, '/w')
  t.cleanUp(() => directory.close())
  return directory
}

async function refusal(directory: BoxDirectory, path: string): Promise<string> {
  const error = await directory.read(path, 1000).catch((reason: unknown) => reason)
  assert.instance(error, CollectError, path)
  return (error as CollectError).reason
}

test('a plain file is taken, from a directory below, too', async (t) => {
  const directory = await left(t, 'echo 42 > answer; mkdir -p a/b; echo 43 > a/b/c; : > empty')
  assert.is(String(await directory.read('answer', 3)), '42\n')
  assert.is(String(await directory.read('a/b/c', 1000)), '43\n')
  assert.is((await directory.read('empty', 0)).length, 0)
  assert.equal((await directory.names()).sort(), ['a', 'answer', 'empty'])
})

test('links, pipes, sockets, directories and files of two names are not', async (t) => {
  const socket = 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
  const directory = await left(
    t,
    `ln -s /etc/passwd link; ln -s / root; mkfifo pipe; mkdir sub; echo x > one; ln one two; ln -s sub/../one inner; ` +
      `ln -s sub up; echo y > sub/y; [ ! -x /usr/bin/python3 ] || /usr/bin/python3 -c '${socket}'`,
  )
  for (const path of ['link', 'pipe', 'sub', 'one', 'two', 'inner']) {
    assert.is(await refusal(directory, path), 'CopyOutNotRegularFile', path)
  }
  for (const path of ['root/etc/passwd', 'up/y', 'missing', 'sub/missing', 'link/x']) {
    assert.match(await refusal(directory, path), /^CopyOut(Open|NotRegularFile)$/, path)
  }
  if ((await directory.names()).includes('socket'))
    assert.is(await refusal(directory, 'socket'), 'CopyOutNotRegularFile')
})

test('a path that is not plain names is refused', async (t) => {
  const directory = await left(t, 'mkdir sub')
  for (const path of [
    '',
    '/etc/passwd',
    '..',
    '../etc/passwd',
    'sub/../../etc/passwd',
    './x',
    'sub//x',
    'x\0y',
    'sub/',
  ]) {
    assert.is(await refusal(directory, path), 'CopyOutOpen', JSON.stringify(path))
  }
})

test('a file larger than asked for is refused or cut off, and a sparse one takes no memory', async (t) => {
  const directory = await left(t, 'head -c 1001 /dev/zero > large; truncate -s 1T sparse')
  assert.is(await refusal(directory, 'large'), 'CopyOutSizeExceeded')
  assert.is(await refusal(directory, 'sparse'), 'CopyOutSizeExceeded')
  assert.is((await directory.read('large', 1000, true)).length, 1000)
  assert.is((await directory.read('sparse', 10, true)).length, 10)
})

test('a file that grows while it is read is read no further', async (t) => {
  const recipe = sandbox().env({ PATH: '/usr/bin:/bin' }).tmpfs('/w', { size: '8MiB', mode: 0o777 }).cwd('/w')
  const box = await recipe.limits({ wallTime: '60s' }).open()
  t.cleanUp(() => box.close())
  await using grower = await box.spawn('sh', [
    '-c',
    'echo start > file; echo ready; while :; do echo more >> file; done',
  ])
  await new Promise((resolve) => grower.stdout?.once('data', resolve))
  const directory = await BoxDirectory.open(box, '/w')
  t.cleanUp(() => directory.close())
  for (let i = 0; i < 20; i++) {
    const bytes = await directory.read('file', 4 << 20).catch((reason: unknown) => reason)
    if (bytes instanceof CollectError) assert.match(bytes.reason, /^CopyOutSizeExceeded$/)
    else assert.match(String(bytes), /^start\n/)
  }
})

test.run()
