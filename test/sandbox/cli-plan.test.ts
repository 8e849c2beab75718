// `cofferdam plan`: what would be done, as text and as JSON, and what it says about a plan that cannot be carried out.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SandboxPlan, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { CALLER, unprivilegedCaller } from '../support/caller.js'
import { cli } from '../support/cli.js'
import { anyUser } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('cofferdam plan')

/** As users read and paste it: nothing wider than their terminal, nothing at the end of lines. */
function assertReadable(text: string): void {
  for (const line of text.split('\n')) {
    assert.ok(line.length <= 80, `${line.length} columns: ${line}`)
    assert.is(line, line.trimEnd())
  }
}

/** The text as one line for each label, however it was wrapped. */
const unwrapped = (text: string) => text.replaceAll(/\n {15,}/g, ' ')

test('it says what the sandbox would be, and starts nothing', async () => {
  const { code, stdout, stderr } = await cli(['plan', '--', 'no-such-program', '-x'])
  assert.equal([code, stderr], [0, ''])
  assertReadable(stdout)
  const text = unwrapped(stdout)
  assert.match(text, /^Command +no-such-program -x$/m)
  assert.match(text, /^Namespaces +user, mount, pid, net, ipc, uts, cgroup, time$/m)
  assert.match(text, /^Identity +user 1000, group 1000; on the host \d+, \d+/m)
  assert.match(text, /^Environment +empty$/m)
  assert.match(text, /^System calls +default, \d+ instructions$/m)
  assert.match(text, /^Keeps +no capability$/m)
  assert.match(text, /^Boot +\d+ steps, /m)
  assert.match(text, /^ {2}switch +pivot_root$/m)
  assert.is(/^Warnings$/m.test(text), sandbox().plan().warnings.length > 0)
})

test('what the flags ask for is in it', async (t) => {
  const directory = t.tempDir()
  const long = join(directory, 'x'.repeat(120))
  const { stdout } = await cli([
    ...['plan', '--hostname', 'builder', '--wall-time', '1.5s', '--output', '1MiB', '--env', 'SECRET=hidden'],
    ...['--tmpfs', '/x:size=1MiB,mode=700', '--bind', `${long}:/y:writable`, '--nice', '5', '--capabilities', 'chown'],
    ...['--clock-offset-boottime', '1m', '--symlink', '/x:/z', '--file', '/f=12345', '--landlock-read', '/usr'],
  ])
  assertReadable(stdout)
  const text = unwrapped(stdout)
  for (const line of [
    /^ {2}hostname +builder$/m,
    /^Ended at +wall time 1\.5 s, output 1 MiB$/m,
    /^Environment +SECRET$/m,
    /^A process +core 0 bytes, 1024 descriptors, nice 5$/m,
    /^Keeps +chown$/m,
    /^Clocks +monotonic 0 ms, boottime 60000 ms$/m,
    /\/x, 1 MiB, 0700/,
    /\/z leads to \/x/,
    /\/f, 5 bytes, 0644/,
    /^ {2}landlock +rules for read_file, read_dir/m,
    /\/y from /,
  ])
    assert.match(text, line)
  assert.not.match(text, 'hidden')
  assert.match(stdout, /^Warnings\n- Kept capabilities \(chown\)/m)
  assert.match(stdout, /can be written from inside, at \/y\./)
})

test('warnings speak of flags', async () => {
  const { stdout } = await cli([
    'plan',
    '--seccomp',
    'off',
    '--landlock-connect-tcp',
    '80',
    '--share',
    'net',
    '--',
    'true',
  ])
  assert.match(stdout, /^Shared +net$/m)
  assert.match(stdout, /^- Shared with the host, net: /m)
  assertReadable(stdout)
})

test('--json is the plan of the API', async () => {
  const { code, stdout, stderr } = await cli(['plan', '--json', '--share', 'net', '--memory-high', 'max', '--', 'true'])
  assert.equal([code, stderr], [0, ''])
  const expected = sandbox().share('net').limits({ memoryHigh: 'max' }).plan()
  assert.equal(JSON.parse(stdout), JSON.parse(JSON.stringify(expected)))
})

test('bytes of a file that are no text are base64 in JSON', async (t) => {
  const source = join(t.tempDir(), 'source')
  writeFileSync(source, Buffer.from([0xff, 0]))
  const { stdout } = await cli(['plan', '--json', '--file', `/bytes=@${source}`, '--file', '/text=plain'])
  const { boot } = JSON.parse(stdout) as SandboxPlan
  const contentOf = (target: string) =>
    boot.flatMap((step) => (step.op === 'file' && step.target === target ? [step.content] : []))
  assert.equal(contentOf('/bytes'), [{ base64: '/wA=' }])
  assert.equal(contentOf('/text'), ['plain'])
})

test(
  'a plan that cannot be carried out ends with 1, and says why and what to do',
  async () => {
    const args = ['--namespaces', 'mount', '--', 'true']
    const { code, stdout, stderr } = await cli(['plan', ...args], { uid: CALLER })
    assert.equal([code, stderr], [1, ''])
    assertReadable(stdout)
    assert.match(
      stdout.replaceAll('\n  ', ' '),
      /^Not to be had here\n- namespaces: new mount namespaces without a user namespace need root\. Add 'user'/m,
    )
    const run = await cli(['run', ...args], { uid: CALLER })
    assert.is(run.code, 125)
    assert.match(run.stderr, /^cofferdam run: --namespaces: this host does not support namespaces: /)
  },
  { needs: [anyUser, unprivilegedCaller] },
)

test('a call that is not understood ends with 2 and one line, as JSON after --json', async () => {
  const text = await cli(['plan', '--cpu', 'all', '--', 'true'])
  assert.equal([text.code, text.stdout, text.stderr.split('\n').length], [2, '', 2])
  assert.match(text.stderr, /^cofferdam plan: --cpu: expected a number of cores/)
  const json = await cli(['plan', '--json', '--jsn'])
  assert.equal([json.code, json.stdout], [2, ''])
  assert.equal(JSON.parse(json.stderr).error.suggestion, "Did you mean '--json'?")
})

test.run()
