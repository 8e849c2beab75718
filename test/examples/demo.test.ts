// The demo judges every submission as announced, says so, keeps the judge's secrets and leaves nothing behind.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { VERDICTS } from '../../examples/demo/judge.js'
import { command, controller } from '../support/host.js'
import { suite } from '../support/suite.js'
import { EXAMPLES, runProgram } from './run-program.js'

const test = suite('demo', { warmUp: true })
const needs = [command('cc'), controller('memory'), controller('pids')]
const main = `${EXAMPLES}/demo/main.ts`
const submissions = readdirSync(`${EXAMPLES}/demo/submissions`)
const hasPython = existsSync('/usr/bin/python3')

test(
  'every verdict is the expected one',
  async (t) => {
    const { stdout, stderr, exitCode } = await runProgram(main, t, {
      env: { COFFERDAM_DEMO_SECRET: 'the-judges-secret' },
    })
    assert.is(exitCode, 0, `${stdout}\n${stderr}`)
    assert.is(stderr, '')
    for (const name of submissions.filter((name) => hasPython || !name.endsWith('.py'))) {
      assert.is(linesWith(stdout, `✔ ${name}: `), 1, `one line of progress for ${name}:\n${stdout}`)
      assert.is(linesWith(stdout, `│ ${name} `), 1, `one row of the table for ${name}:\n${stdout}`)
    }
    assert.not.match(stdout, '✖')
    assert.not.match(stdout, 'the-judges-secret')
    assert.not.match(stdout, '\x1b', 'no control sequences when stdout is no terminal')
    assert.equal(
      readdirSync(tmpdir()).filter((name) => name.startsWith('cofferdam-demo-')),
      [],
    )
  },
  { needs, timeoutMs: 90_000 },
)

test(
  'a verdict other than the announced one is a failure',
  async (t) => {
    const directory = t.tempDir()
    writeFileSync(join(directory, 'guess.sh'), '# Expected verdict: accepted\necho 42\n')
    const { stdout, exitCode } = await runProgram(main, t, { args: [directory] })
    assert.is(exitCode, 1, stdout)
    assert.match(stdout, '✖ guess.sh: wrong answer. Test 2, the textbook example: Expected 6, received "42".')
    assert.match(stdout, '0 of 1 verdicts as expected')
  },
  { needs, timeoutMs: 60_000 },
)

test('a submission that announces no verdict is refused by name', async (t) => {
  const directory = t.tempDir()
  writeFileSync(join(directory, 'silent.sh'), 'echo 42\n')
  const { stderr, exitCode } = await runProgram(main, t, { args: [directory] })
  assert.is(exitCode, 1)
  assert.match(stderr, /silent\.sh: expected one of .*accepted/)
})

test('the reader of host files would tell of a secret if it saw one', async () => {
  const script = readFileSync(`${EXAMPLES}/demo/submissions/host-reader.sh`)
  const recipe = sandbox().env({ PATH: '/usr/bin:/bin' }).file('/host-reader.sh', script)
  const blind = await recipe.run('/bin/sh', ['/host-reader.sh'])
  assert.is(blind.exitCode, 1, blind.stdout)
  const seeing = await recipe.file('/root/key', 'a secret').run('/bin/sh', ['/host-reader.sh'])
  assert.is(seeing.exitCode, 0, seeing.stdout)
  assert.is(seeing.stdout, 'found /root/key: a secret\n')
})

test('every verdict is shown by a submission', () => {
  const sources = submissions.map((name) => readFileSync(`${EXAMPLES}/demo/submissions/${name}`, 'utf8'))
  for (const verdict of VERDICTS) {
    const shown = sources.some((source) => source.includes(`Expected verdict: ${verdict}\n`))
    assert.ok(shown, `no submission expects "${verdict}"`)
  }
})

test.run()

function linesWith(output: string, part: string): number {
  return output.split('\n').filter((line) => line.includes(part)).length
}
