// `cofferdam doctor`: its text, its JSON, its exit codes, and calls that it does not understand.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { HostReport } from 'cofferdam'
import * as assert from 'uvu/assert'
import { CALLER, unprivilegedCaller } from '../support/caller.js'
import { type CommandResult, run } from '../support/command.js'
import { anyUser, command, root } from '../support/host.js'
import { nodeOn } from '../support/hosts.js'
import { suite } from '../support/suite.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const test = suite('doctor')

/** What the test runner sets, and a terminal's user does not. */
const PLAIN = { FORCE_COLOR: undefined, NO_COLOR: undefined }

function cofferdam(
  args: readonly string[],
  options: { uid?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  const { uid, env = {} } = options
  return run(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...PLAIN, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
}

/** The text as users paste it: narrow, plain and complete. */
function assertPasteable(text: string): void {
  for (const line of text.split('\n')) {
    assert.ok(line.length <= 80, `${line.length} columns: ${line}`)
    assert.ok(/^[\x20-\x7e]*$/.test(line), `not plain: ${JSON.stringify(line)}`)
    assert.is(line, line.trimEnd())
  }
  for (const said of [
    'kernel',
    'Node ',
    'caller',
    'container',
    'cgroups',
    'A default sandbox',
    'memory limit',
    'Landlock',
  ])
    assert.match(text, said)
  for (const secret of [process.env.HOME, process.env.USER].filter(
    (value) => value && value !== '/' && value !== 'root',
  ))
    assert.not.match(text, new RegExp(`\\b${secret}\\b`))
}

test(
  'for root it ends with 0 where a default sandbox starts',
  async () => {
    const { code, stdout, stderr } = await cofferdam(['doctor'])
    assert.equal([code, stderr], [0, ''])
    assertPasteable(stdout)
    assert.match(stdout, /^ok {4}A default sandbox starts\.$/m)
    assert.match(stdout, new RegExp(`cofferdam ${PACKAGE.version}, Node ${process.versions.node}`))
    assert.not.match(stdout, '\u001b')
  },
  { needs: root },
)

test(
  'an ordinary user sees what is missing, with remedies by number',
  async () => {
    const { code, stdout, stderr } = await cofferdam(['doctor'], { uid: CALLER })
    assert.equal([code, stderr], [0, ''])
    assertPasteable(stdout)
    assert.match(stdout, new RegExp(`caller +uid ${CALLER}, gid ${CALLER}`))
    const last = Math.max(...[...stdout.matchAll(/remedy\s+(\d+)\./g)].map(([, number]) => Number(number)))
    const listed = [...(stdout.split('\nRemedies\n')[1] ?? '').matchAll(/^(\d+)\. /gm)].map(([, number]) =>
      Number(number),
    )
    assert.equal(
      listed,
      Array.from({ length: last }, (_, i) => i + 1),
    )
  },
  { needs: [anyUser, unprivilegedCaller] },
)

test('--json is the whole report', async () => {
  const { code, stdout, stderr } = await cofferdam(['doctor', '--json'])
  const report = JSON.parse(stdout) as HostReport
  assert.is(stderr, '')
  assert.is(code, report.defaultSandbox.starts ? 0 : 1)
  assert.is(report.version, PACKAGE.version)
  assert.ok(report.capabilities.some(({ name }) => name === 'limits.memory'))
})

test(
  'where no sandbox starts it ends with 1, and says why at the top',
  async () => {
    const { code, stdout, stderr } = await nodeOn({ filter: ['ENOSYS', 'clone3'], env: PLAIN }, CLI, 'doctor')
    assert.equal([code, stderr], [1, ''])
    assertPasteable(stdout)
    assert.match(
      stdout.replaceAll(/\n +/g, ' '),
      /^FAIL {2}A default sandbox does not start\. Step 'clone' failed with ENOSYS\. A seccomp filter/m,
    )
    assert.match(stdout, /^FAIL {2}clone3 /m)
  },
  { needs: [root, command('unshare')] },
)

test(
  'its JSON says the same there, and the exit code, too',
  async () => {
    const { code, stdout } = await nodeOn({ filter: ['ENOSYS', 'clone3'] }, CLI, 'doctor', '--json')
    assert.is(code, 1)
    assert.is((JSON.parse(stdout) as HostReport).defaultSandbox.starts, false)
  },
  { needs: [root, command('unshare')] },
)

for (const [args, stderr] of [
  [[], /^cofferdam: expected a command\. Commands: run, plan, doctor\.$/],
  [['docter'], /^cofferdam: unknown command 'docter'\. Did you mean 'doctor'\?$/],
  [['something'], /^cofferdam: unknown command 'something'\. Commands: run, plan, doctor\.$/],
  [['--verson'], /^cofferdam: unknown option '--verson'\. Did you mean '--version'\?$/],
  [['--json', 'doctor'], /^cofferdam: unknown option '--json'\./],
  [['doctor', '--jsn'], /^cofferdam doctor: unknown option '--jsn'\. Did you mean '--json'\?$/],
  [['doctor', '-x'], /^cofferdam doctor: unknown option '-x'\. Known options: --json, --help\.$/],
  [['doctor', '--json=yes'], /^cofferdam doctor: option '--json' takes no value, but received 'yes'\.$/],
  [['doctor', 'now'], /^cofferdam doctor: takes no argument, but received 'now'\.$/],
  [['doctor', '--', '--json'], /^cofferdam doctor: takes no argument, but received '--json'\.$/],
  [['doctor', '--__proto__'], /^cofferdam doctor: unknown option '--__proto__'/],
  [['toString'], /^cofferdam: unknown command 'toString'/],
] as const) {
  test(`${['cofferdam', ...args].join(' ')} ends with 2 and one line that says what was wrong`, async () => {
    const result = await cofferdam(args)
    assert.equal([result.code, result.stdout], [2, ''])
    assert.is(result.stderr.split('\n').length, 2, result.stderr)
    assert.match(result.stderr.trimEnd(), stderr)
  })
}

test('--help and --version are answers, not errors', async () => {
  for (const args of [['--help'], ['-h'], ['help'], ['doctor', '--help'], ['doctor', '-h']]) {
    const { code, stdout, stderr } = await cofferdam(args)
    assert.equal([code, stderr], [0, ''], args.join(' '))
    assert.match(stdout, /^Usage: cofferdam /)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
  }
  assert.is((await cofferdam(['--version'])).stdout, `${PACKAGE.version}\n`)
})

test('FORCE_COLOR colours what is no terminal, and NO_COLOR does not matter then', async () => {
  const forced = await cofferdam(['doctor'], { env: { FORCE_COLOR: '1', NO_COLOR: '1', NODE_NO_WARNINGS: '1' } })
  assert.match(forced.stdout, '\u001b[32mok')
  const plain = await cofferdam(['doctor'], { env: { FORCE_COLOR: '0' } })
  assert.not.match(plain.stdout, '\u001b')
})

test(
  'on a terminal it is coloured, and not with NO_COLOR',
  async () => {
    const on = (env: NodeJS.ProcessEnv) =>
      run('script', ['-qec', `${process.execPath} ${CLI} doctor`, '/dev/null'], {
        env: { ...process.env, ...PLAIN, TERM: 'xterm', ...env },
      })
    assert.match((await on({})).stdout, '\u001b[32mok')
    assert.not.match((await on({ NO_COLOR: '1' })).stdout, '\u001b[3')
    assert.not.match((await on({ TERM: 'dumb' })).stdout, '\u001b[3')
  },
  { needs: command('script') },
)

test('a reader that has had enough is no error', async () => {
  const { code, stdout, stderr } = await run('sh', ['-c', `"${process.execPath}" "${CLI}" doctor | head -n 1`])
  assert.equal([code, stderr], [0, ''])
  assert.match(stdout, /^package /)
})

test('the package says where the command is, and that file begins as a program of node', () => {
  assert.equal(PACKAGE.bin, { cofferdam: 'dist/cli.js' })
  assert.match(readFileSync(CLI, 'utf8'), /^#!\/usr\/bin\/env node\n/)
})

test.run()
