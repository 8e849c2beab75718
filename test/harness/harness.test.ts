// The tests' own machinery: each way in which a test run could look green without being so ends red.
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { suite } from '../support/suite.js'

const RUNNER = fileURLToPath(new URL('../run.ts', import.meta.url))
const TRAPS = fileURLToPath(new URL('../fixtures/traps', import.meta.url))

const test = suite('harness')

async function runTrap(name: string, env: NodeJS.ProcessEnv = {}) {
  const { code, stdout } = await run(process.execPath, ['--import', 'tsx', RUNNER, `${TRAPS}/${name}.ts`], {
    env: { ...process.env, COFFERDAM_MUST_WORK: '', ...env },
  })
  return { code, stdout, lastLine: stdout.trimEnd().split('\n').at(-1) }
}

test(
  'whatever a test leaves behind is named',
  async () => {
    const { code, stdout, lastLine } = await runTrap('leaves-things')
    assert.is(lastLine, '1 passed, 3 failed, 0 skipped')
    assert.is(code, 1)
    assert.match(stdout, 'descriptor: /dev/null (1 more)')
    assert.match(stdout, /child process: \d+ \(sleep\)/)
    assert.match(stdout, /temporary file: .*\/left/)
  },
  { timeoutMs: 40_000 },
)

test('a failure counts wherever it comes', async () => {
  const { code, stdout, lastLine } = await runTrap('fails-everywhere')
  assert.is(lastLine, '0 passed, 5 failed, 0 skipped')
  assert.is(code, 1)
  assert.match(stdout, 'cannot clean up')
  assert.match(stdout, 'did not end within 200 ms')
})

test('a test that never came to its end has failed', async () => {
  const { code, lastLine } = await runTrap('exits-in-the-middle')
  assert.is(lastLine, '1 passed, 2 failed, 0 skipped')
  assert.is(code, 1)
})

for (const name of ['throws-at-import', 'forgets-to-run', 'rejects-unseen']) {
  test(`a file that ${name.replaceAll('-', ' ')} has failed`, async () => {
    const { code, lastLine } = await runTrap(name)
    assert.is(lastLine, '0 passed, 1 failed, 0 skipped')
    assert.is(code, 1)
  })
}

test('a process that does not end by itself has failed, and what keeps it is named', async () => {
  const { code, stdout, lastLine } = await runTrap('stays-alive')
  assert.is(lastLine, '1 passed, 1 failed, 0 skipped')
  assert.is(code, 1)
  assert.match(stdout, 'TCPServerWrap')
})

test('a skip is told with its reason', async () => {
  const { code, stdout, lastLine } = await runTrap('skips')
  assert.is(lastLine, '1 passed, 0 failed, 2 skipped')
  assert.is(code, 0)
  assert.match(stdout, 'skips: for a need: needs a unicorn')
})

test('a skip is a failure where everything must work', async () => {
  const { code, lastLine } = await runTrap('skips', { COFFERDAM_MUST_WORK: '1' })
  assert.is(lastLine, '1 passed, 2 failed, 0 skipped')
  assert.is(code, 1)
})

test('a test of another kind of host is told, not run, and no skip, also where everything must work', async () => {
  const { code, stdout, lastLine } = await runTrap('other-kinds', { COFFERDAM_MUST_WORK: '1' })
  assert.is(lastLine, '1 passed, 0 failed, 0 skipped')
  assert.is(code, 0)
  assert.match(stdout, 'other kinds: of an old kernel: for Linux before 5.0')
  assert.match(stdout, 'other kinds: of a kernel to come: for Linux 99.0 and later')
  assert.match(stdout, '2 tests are for another kind of host')
})

test('a run that finds no test has failed', async () => {
  const { code, lastLine } = await runTrap('no-such-file')
  assert.is(lastLine, '0 passed, 1 failed, 0 skipped')
  assert.is(code, 1)
})

test.run()
