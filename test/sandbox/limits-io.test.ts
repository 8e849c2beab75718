// limits({ io }): disk bandwidth and operations, measured on the disk that the temporary directory is on.
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type IoLimit, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { command, controller, type Need } from '../support/host.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('io limits', { warmUp: true })

const onDisk: Need = () => {
  const major = Number(statSync(tmpdir(), { bigint: true }).dev >> 8n) & 0xfff
  return major === 0 ? 'needs a temporary directory that is directly on a disk' : undefined
}
const needs = [controller('io'), command('dd'), onDisk]
const MIB = 2 ** 20

/** The host's own dd, which can go past the page cache, with a directory of the disk at /work. */
function dd(directory: string, limit: Omit<IoLimit, 'device'>) {
  chmodSync(directory, 0o777)
  const recipe = sandbox().bind(directory, '/work', { writable: true })
  const io = { device: directory, ...limit }
  return (...args: string[]) => recipe.limits({ io, wallTime: '15s' }).run('dd', args)
}

test(
  "writeBps slows writing down, and is the whole tree's",
  async (t) => {
    const run = dd(t.tempDir(), { writeBps: '2MiB' })
    const result = await run('if=/dev/zero', 'of=/work/file', 'bs=256k', 'count=8', 'oflag=direct')
    skipWithoutDirect(t, result.stderr)
    assert.ok(result.ok, result.stderr)
    assert.ok(result.usage.wallTimeMs > 600, `2 MiB at 2 MiB a second took ${result.usage.wallTimeMs} ms`)
    assert.ok(result.usage.writtenBytes >= 2 * MIB, `${result.usage.writtenBytes} bytes written`)
  },
  { needs },
)

test(
  'readBps slows reading down, not writing',
  async (t) => {
    const run = dd(t.tempDir(), { readBps: '2MiB' })
    const write = await run('if=/dev/zero', 'of=/work/file', 'bs=256k', 'count=8', 'oflag=direct')
    skipWithoutDirect(t, write.stderr)
    const read = await run('if=/work/file', 'of=/dev/null', 'bs=256k', 'iflag=direct')
    assert.ok(read.ok, read.stderr)
    assert.ok(read.usage.wallTimeMs > 600, `2 MiB at 2 MiB a second took ${read.usage.wallTimeMs} ms`)
    assert.ok(read.usage.readBytes >= 2 * MIB, `${read.usage.readBytes} bytes read`)
    assert.ok(write.usage.wallTimeMs < read.usage.wallTimeMs, `writing took ${write.usage.wallTimeMs} ms`)
  },
  { needs },
)

test(
  'writeIops limits the number of operations',
  async (t) => {
    const run = dd(t.tempDir(), { writeIops: 20 })
    const result = await run('if=/dev/zero', 'of=/work/file', 'bs=4k', 'count=20', 'oflag=direct')
    skipWithoutDirect(t, result.stderr)
    assert.ok(result.usage.wallTimeMs > 600, `20 writes at 20 a second took ${result.usage.wallTimeMs} ms`)
  },
  { needs },
)

test(
  'a device, its numbers and a path on it mean the same disk',
  (t) => {
    const directory = t.tempDir()
    const written = (device: string) => {
      const { cgroups } = sandbox()
        .limits({ io: { device, writeBps: 1000 } })
        .plan()
      return cgroups.flatMap(({ limits }) => limits.filter(({ feature }) => feature === 'limits.io'))
    }
    const [limit] = written(directory)
    const numbers = limit?.value.split(' ')[0] ?? ''
    assert.match(numbers, /^[1-9]\d*:\d+$/)
    assert.equal(written(numbers), [limit])
    writeFileSync(`${directory}/file`, '')
    assert.equal(written(`${directory}/file`), [limit])
  },
  { needs },
)

test(
  'several limits of one disk stand beside each other',
  async (t) => {
    const directory = t.tempDir()
    const recipe = sandbox().limits({ io: [{ device: directory, readBps: 5000, writeIops: 7 }] })
    const child = await recipe.spawn('sleep', ['60'])
    t.cleanUp(() => child[Symbol.asyncDispose]())
    const stats = await child.stats()
    assert.type(stats.readBytes, 'number')
    assert.type(stats.writtenBytes, 'number')
  },
  { needs: [...needs, command('sleep')] },
)

test(
  'a disk that is not there is a typed error that names the limit',
  async () => {
    const recipe = sandbox().limits({ io: { device: '240:9999', writeBps: 1000 } })
    const error = await recipe.run('true').catch((error) => error)
    assert.instance(error, SandboxSetupError)
    assert.is(error.step, 'cgroup-limit')
    assert.is(error.code, 'ENODEV')
    assert.match(error.message, 'limits.io')
    assert.match(error.hint, 'disks')
  },
  { needs: controller('io') },
)

test('a path that is on no disk is refused where it is given', () => {
  assert.throws(
    () => sandbox().limits({ io: { device: '/proc', writeBps: 1000 } }),
    (error: Error) => error instanceof TypeError && /name the disk itself/.test(error.message),
  )
})

function skipWithoutDirect(t: TestContext, stderr: string): void {
  if (/Invalid argument/.test(stderr)) t.skip('the file system does not take O_DIRECT')
}

test.run()
