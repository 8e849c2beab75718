// limits({ pids, openFiles, fileSize, stack, core }): what the kernel counts for a tree or for each process.
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SandboxSetupError } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, runProbe } from '../support/boxes.js'
import { controller } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite } from '../support/suite.js'

/** capabilities(7) */
const CAP_SYS_RESOURCE = 24n

const test = suite('process limits', { warmUp: true })

async function rlimits(recipe = box()): Promise<Record<string, [soft: number | 'max', hard: number | 'max']>> {
  return JSON.parse((await runProbe(recipe, 'rlimits')).throwIfFailed().stdout)
}

test(
  'pids is how many processes there can be at once, the first one included',
  async () => {
    const within = await runProbe(box({ pids: 4 }), 'fork-n', '3')
    assert.equal(JSON.parse(within.stdout), { forked: 3, error: '' })
    assert.equal(within.limitsExceeded, [])
    const beyond = await runProbe(box({ pids: 4 }), 'fork-n', '4')
    assert.equal(JSON.parse(beyond.stdout), { forked: 3, error: 'EAGAIN' })
    assert.equal(beyond.limitsExceeded, ['pids'])
    assert.is(beyond.outcome, 'exited', 'it coped')
  },
  { needs: controller('pids') },
)

test(
  'a program that fails after it was refused a process has hit its pids limit',
  async () => {
    const result = await runProbe(box({ pids: 1 }), 'in-child', 'exit', '0')
    assert.is(result.stderr, 'probe: fork: EAGAIN\n')
    assert.is(result.outcome, 'pids-limit')
    assert.is(result.exitCode, 1)
    assert.match(result.explain(), /limit of 1 processes: the kernel refused it another one once/)
  },
  { needs: controller('pids') },
)

test(
  'pids counts threads, and not those who have ended',
  async () => {
    const threads = await runProbe(box({ pids: 4 }), 'threads', '8')
    assert.equal(JSON.parse(threads.stdout), { started: 3, error: 'EAGAIN' })
    const inTurn = await runProbe(box({ pids: 2 }), 'spin-in-turn', '20', '0')
    assert.ok(inTurn.ok, inTurn.explain())
    assert.equal(inTurn.limitsExceeded, [])
  },
  { needs: controller('pids') },
)

test(
  'orphans are reaped: they do not use up pids as zombies',
  async () => {
    const result = await runProbe(box({ pids: 3 }), 'zombies', '50', ',', 'sleep', '0.2', ',', 'fork-n', '2')
    assert.equal(JSON.parse(result.stdout || 'null'), { forked: 2, error: '' }, result.stderr)
  },
  { needs: controller('pids') },
)

for (const [name, limits, outcome] of [
  // Long enough for the bomb to have met the limit of processes before.
  ['wall time', { wallTime: atMost(1000) }, 'wall-time-limit'],
  ['CPU time', { cpuTime: atMost(500), wallTime: '60s' }, 'cpu-time-limit'],
] as const) {
  test(
    `a fork bomb is held by pids and ended by its ${name} limit`,
    async () => {
      const result = await runProbe(box({ ...limits, pids: 32 }), 'fork-bomb')
      assert.is(result.outcome, outcome, result.explain())
      assert.ok(result.limitsExceeded.includes('pids'), result.explain())
      assert.ok((result.usage.pidsPeak ?? 32) <= 32)
    },
    { needs: controller('pids') },
  )
}

test('openFiles is how many descriptors each process can have', async () => {
  for (const openFiles of [16, 100]) {
    const { stdout } = (await runProbe(box({ openFiles }), 'open-many')).throwIfFailed()
    // stdin, stdout and stderr are open.
    assert.equal(JSON.parse(stdout), { opened: openFiles - 3, error: 'EMFILE' })
  }
  assert.equal((await rlimits()).nofile, [1024, 1024], 'the default')
  assert.equal((await rlimits(box({ openFiles: 3 }))).nofile, [3, 3])
})

test('fileSize ends a program that writes a larger file with SIGXFSZ', async (t) => {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  const recipe = box({ fileSize: 1000 }).bind(directory, '/work', { writable: true })
  const within = await runProbe(recipe, 'write-file', '/work/within', '1000')
  assert.ok(within.ok, within.explain())
  assert.equal(within.limitsExceeded, [])
  const beyond = await runProbe(recipe, 'write-file', '/work/beyond', '1001')
  assert.is(beyond.outcome, 'signaled')
  assert.is(beyond.signal, 'SIGXFSZ')
  assert.equal(beyond.limitsExceeded, ['fileSize'])
  assert.match(beyond.explain(), 'having crossed its fileSize limit')
  assert.is(statSync(join(directory, 'beyond')).size, 1000)
  const child = await runProbe(recipe, 'in-child', 'write-file', '/work/child', '1001')
  assert.is(child.stdout, 'signaled 25\n', 'a child is limited, too')
})

test('fileSize 0 lets nothing be written to a file, and does not touch pipes', async () => {
  const result = await runProbe(box({ fileSize: 0 }), 'say', 'to a pipe', ',', 'touch', '/tmp/empty')
  assert.is(result.stdout, 'to a pipe\n')
  assert.ok(result.ok, result.explain())
})

test('a SIGXFSZ without the limit is an ordinary signal', async () => {
  const result = await runProbe(box(), 'signal', '25')
  assert.is(result.signal, 'SIGXFSZ')
  assert.equal(result.limitsExceeded, [])
})

test('stack is how far the first thread can recurse', async () => {
  const result = await runProbe(box({ stack: '128KiB' }), 'recurse')
  assert.is(result.outcome, 'signaled')
  assert.is(result.signal, 'SIGSEGV')
  assert.ok(result.usage.memoryPeakBytes < 4 * 2 ** 20, result.explain())
  const large = await runProbe(box({ stack: '32MiB' }), 'recurse')
  assert.is(large.signal, 'SIGSEGV')
  assert.ok(large.usage.memoryPeakBytes > 16 * 2 ** 20, large.explain())
  assert.equal((await rlimits(box({ stack: '1MiB' }))).stack, [2 ** 20, 2 ** 20])
})

test('there are no core dumps unless the recipe wants them', async () => {
  assert.equal((await rlimits()).core, [0, 0])
  assert.equal((await rlimits(box({ core: '1MiB' }))).core, [2 ** 20, 2 ** 20])
  assert.equal((await rlimits(box({ core: '1MiB' }).limits({ core: 0 }))).core, [0, 0])
})

test("'max' is no limit", async () => {
  const recipe = box({ fileSize: 10, stack: '64KiB', core: 10, pids: 1 })
  const given = await rlimits(recipe.limits({ fileSize: 'max', stack: 'max', core: 'max', pids: 'max' }))
  assert.equal([given.fsize, given.stack, given.core], Array(3).fill(['max', 'max']))
  const forks = await runProbe(recipe.limits({ pids: 'max' }), 'fork-n', '3')
  assert.equal(JSON.parse(forks.stdout), { forked: 3, error: '' })
})

test(
  'pids at its upper bound is accepted by the kernel',
  async () => {
    assert.ok((await box({ pids: 4194304 }).run('/true')).ok)
  },
  { needs: controller('pids') },
)

test("openFiles goes up to this process's own hard limit, and further only with the right to it", async () => {
  const hard = Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  assert.equal((await rlimits(box({ openFiles: Math.min(hard, 1048576) }))).nofile, [hard, hard])
  if (hard >= 1048576) return
  const more = box({ openFiles: hard + 1 })
  if (hasCapability(CAP_SYS_RESOURCE)) return assert.equal((await rlimits(more)).nofile, [hard + 1, hard + 1])
  const error = await more.run('/true').catch((error) => error)
  assert.instance(error, SandboxSetupError)
  assert.is(error.step, 'rlimit')
  assert.is(error.code, 'EPERM')
  assert.match(error.hint, 'hard limit')
})

test('each process is held to its own limits from its first instruction on', async () => {
  const { stdout } = (await runProbe(box({ openFiles: 20 }), 'in-child', 'rlimits')).throwIfFailed()
  assert.equal(JSON.parse(stdout.split('\n')[0] ?? '').nofile, [20, 20])
})

test('a crash leaves no core file where the program ran', async (t) => {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  const recipe = box().bind(directory, '/work', { writable: true }).cwd('/work')
  assert.is((await runProbe(recipe, 'abort')).signal, 'SIGABRT')
  assert.equal(readdirSync(directory), [])
})

function hasCapability(number: bigint): boolean {
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> number) & 1n) === 1n
}

test.run()
