// `cofferdam run` as shells, scripts and people use it: streams, exit statuses, signals, limits, JSON, errors.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { CALLER, unprivilegedCaller } from '../support/caller.js'
import { cli, shell, startCli } from '../support/cli.js'
import { ended } from '../support/command.js'
import { anyUser, command, controller, cpuClock } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('cofferdam run')

const run = (...args: string[]) => cli(['run', ...args])

test('what is piped in comes out, and nothing else is printed', async () => {
  assert.equal(await cli(['run', '--', 'cat'], { input: 'hi\n' }), {
    code: 0,
    signal: null,
    stdout: 'hi\n',
    stderr: '',
  })
})

test('stdout and stderr are those of the command', async () => {
  const { stdout, stderr, code } = await run('sh', '-c', 'echo out; echo err >&2; exit 3')
  assert.equal([stdout, stderr, code], ['out\n', 'err\n', 3])
})

test('it is a part of a pipeline: much goes through, and a reader that has had enough ends it', async () => {
  const through = await shell('head -c 3000000 /dev/zero | cofferdam run -- cat | (sleep 0.3; wc -c)')
  assert.equal([through.stdout.trim(), through.stderr], ['3000000', ''])
  const enough = await shell('cofferdam run -- yes | head -n 1; echo "$PIPESTATUS"')
  assert.equal([enough.stdout, enough.stderr], ['y\n141\n', ''])
})

test('counted output reaches a slow reader whole', async () => {
  const { stdout } = await shell('cofferdam run --output 1MiB -- head -c 600000 /dev/zero | (sleep 0.5; wc -c)')
  assert.is(stdout.trim(), '600000')
})

test('files are redirected by the shell', async (t) => {
  const directory = t.tempDir()
  writeFileSync(join(directory, 'in'), 'text')
  const { code } = await shell(`cofferdam run -- tr a-z A-Z < ${directory}/in > ${directory}/out`)
  assert.is(code, 0)
  assert.is(readFileSync(join(directory, 'out'), 'utf8'), 'TEXT')
})

test('options after the command are the command’s', async () => {
  assert.is((await run('echo', '--json', '--memory')).stdout, '--json --memory\n')
  assert.is((await run('--', 'echo', '--', '-n')).stdout, '-- -n\n')
})

test('flags make the recipe', async (t) => {
  const directory = t.tempDir()
  writeFileSync(join(directory, 'data'), 'bound')
  writeFileSync(join(directory, 'source'), Buffer.from([0xff, 0, 0x41]))
  const { code, stdout, stderr } = await cli(
    [
      ...['run', '--hostname', 'builder', '--env', 'GIVEN=1', '--env', 'TAKEN', '--user', '7', '--cwd', '/work'],
      ...['--tmpfs', '/work', '--bind', `${directory}/data:/data`, '--file', '/etc/motd:mode=600=hello'],
      ...['--file', `/bytes=@${directory}/source`, '--symlink', '/data:/link', '--open-files', '77'],
      ...[
        '--',
        'sh',
        '-c',
        'uname -n; echo $GIVEN $TAKEN; id -u; pwd; cat /data /link; stat -c %a /etc/motd; wc -c < /bytes; ulimit -n',
      ],
    ],
    { env: { TAKEN: 'from the caller' } },
  )
  assert.is(stderr, '')
  assert.is(stdout, 'builder\n1 from the caller\n7\n/work\nboundbound600\n3\n77\n')
  assert.is(code, 0)
})

for (const [what, script, status] of [
  ['its own code', 'exit 42', 42],
  ['128 and the number of a signal', 'kill -SEGV $$', 139],
  ['that of a real-time signal', 'kill -40 $$', 168],
] as const) {
  test(`the exit status is ${what}, and nothing is said`, async () => {
    const { code, stdout, stderr } = await run('sh', '-c', script)
    assert.equal([code, stdout, stderr], [status, '', ''])
  })
}

for (const [what, args, status, line] of [
  [
    'the wall time limit',
    ['--wall-time', '200ms', '--', 'sleep', '60'],
    124,
    /^cofferdam run: The program was ended at its wall time limit of 200 ms, .*\.\n$/,
  ],
  [
    'the output limit',
    ['--output', '1KiB', '--', 'yes'],
    137,
    /^cofferdam run: The program was ended for writing more than its output limit of 1 KiB, .*\.\n$/,
  ],
  [
    'a forbidden call',
    ['--user', '0', '--', 'umount', '/proc'],
    137,
    /^cofferdam run: The program was ended for the system call umount2, .*\.\n$/,
  ],
] as const) {
  test(`${what} ends it with ${status} and one line`, async () => {
    const { code, stderr } = await run(...args)
    assert.match(stderr, line)
    assert.is(code, status)
  })
}

test(
  'the CPU time limit ends it with 124',
  async () => {
    const { code, stderr } = await run('--cpu-time', '100ms', '--', 'sh', '-c', 'while :; do :; done')
    assert.match(stderr, /^cofferdam run: The program was ended at its CPU time limit of 100 ms/)
    assert.is(code, 124)
  },
  { needs: cpuClock },
)

test(
  'the memory limit tells of itself, and the status is what became of the command',
  async () => {
    const { code, stderr } = await run('--memory', '16MiB', '--', 'sh', '-c', 'a=x; while :; do a=$a$a; done')
    assert.match(stderr, /^cofferdam run: The program hit its memory limit of 16 MiB: .*\.\n$/)
    assert.is(code, 137)
    const survived = await run(
      '--memory',
      '16MiB',
      '--',
      'sh',
      '-c',
      'sh -c "a=x; while :; do a=\\$a\\$a; done"; exit 9',
    )
    assert.is(survived.code, 9)
    assert.match(survived.stderr, 'its memory limit of 16 MiB')
  },
  { needs: controller('memory') },
)

test('a command that is not there is 127, one that cannot be executed 126, and the working directory 125', async () => {
  for (const [args, status, said] of [
    [['no-such-program'], 127, /ENOENT.*no-such-program/],
    [['/no/such/program'], 127, /ENOENT/],
    [['/etc/passwd'], 126, /EACCES/],
    [['--cwd', '/no/such/directory', '--', 'true'], 125, /ENOENT.*\/no\/such\/directory/],
    [['--mask', '/no/such/file', '--', 'true'], 125, /step 'mask' failed with ENOENT/],
  ] as const) {
    const { code, stdout, stderr } = await run(...args)
    assert.match(stderr, said)
    assert.equal([code, stdout, stderr.split('\n').length], [status, '', 2], args.join(' '))
  }
})

for (const [args, said] of [
  [[], /^cofferdam run: expected a command\. Write cofferdam run \[options\] -- command/],
  [['--', ''], /^cofferdam run: /],
  [['--memroy', '1M', '--', 'true'], /^cofferdam run: unknown option '--memroy'\. Did you mean '--memory'\?$/],
  [['--memory', '1x', '--', 'true'], /^cofferdam run: --memory: expected a size .* but received '1x'\.$/],
  [['--encoding', 'hex', '--', 'true'], /^cofferdam run: --encoding is about what --json prints\. Add --json\.$/],
  [
    ['--json', '--encoding', 'hexx', '--', 'true'],
    /^\{"error":\{"code":"ERR_SANDBOX_INVALID_OPTION".*Did you mean 'hex'\?/,
  ],
] as const) {
  test(`run ${args.join(' ')} ends with 125 and one line that says what was wrong`, async () => {
    const { code, stdout, stderr } = await run(...args)
    assert.equal([code, stdout, stderr.split('\n').length], [125, '', 2])
    assert.match(stderr.trimEnd(), said)
  })
}

test('--json has the whole result, what the command wrote, and the exit status', async () => {
  const { code, stdout, stderr } = await cli(['run', '--json', '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], {
    input: 'in',
  })
  assert.equal([code, stderr], [3, ''])
  const { usage, explanation, ...rest } = JSON.parse(stdout)
  assert.equal(rest, {
    outcome: 'exited',
    ok: false,
    exitCode: 3,
    limitsExceeded: [],
    exitStatus: 3,
    stdout: 'in',
    stderr: 'err\n',
  })
  assert.ok(usage.wallTimeMs > 0)
  assert.match(explanation, 'exited with code 3')
})

test('--json says which limit it was, without a line of text', async () => {
  const { code, stdout, stderr } = await run('--json', '--wall-time', '100ms', '--', 'sleep', '60')
  const { outcome, limitsExceeded, exitStatus } = JSON.parse(stdout)
  assert.equal([outcome, limitsExceeded, exitStatus], ['wall-time-limit', ['wallTime'], 124])
  assert.equal([code, stderr], [124, ''])
})

test('--encoding keeps bytes that are no text', async () => {
  const { stdout } = await run('--json', '--encoding', 'base64', '--', 'printf', '\\377\\000')
  assert.is(JSON.parse(stdout).stdout, '/wA=')
})

test('with --json all errors are JSON on one line, with the flag, the code and what to do', async () => {
  const errorOf = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('--json', ...args)
    assert.equal([stdout, stderr.split('\n').length], ['', 2])
    return [code, JSON.parse(stderr).error] as const
  }
  const [status, error] = await errorOf('--pids', 'many', '--', 'true')
  assert.is(status, 125)
  assert.equal([error.code, error.flag], ['ERR_SANDBOX_INVALID_OPTION', '--pids'])
  const [missing, { code, step, errno, path, suggestion }] = await errorOf('--', 'no-such-program')
  assert.is(missing, 127)
  assert.equal([code, step, errno, path], ['ERR_SANDBOX_SETUP', 'exec', 'ENOENT', 'no-such-program'])
  assert.match(suggestion, 'is it in the rootfs')
})

/** A command that says when it is there to be signalled. */
async function running(...args: string[]): Promise<ChildProcess> {
  const child = startCli(['run', ...args])
  await once(child.stdout as NodeJS.EventEmitter, 'data')
  return child
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} reaches the command, which it ends: ${status}`, async () => {
    const child = await running('--', 'sh', '-c', 'echo ready; exec sleep 60')
    const end = ended(child)
    child.kill(signal)
    const { code, stderr } = await end
    assert.equal([code, stderr], [status, ''])
  })
}

test('a command that handles a signal ends as it likes', async () => {
  const child = await running('--', 'sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done')
  const end = ended(child)
  child.kill('SIGTERM')
  assert.is((await end).code, 7)
})

test('a second signal ends a command that does not mind the first, with all that it has started', async () => {
  const child = await running(
    '--',
    'sh',
    '-c',
    'trap "echo again" INT; echo ready; (trap "" INT; sleep 60) & while :; do sleep 0.05; done',
  )
  const end = ended(child)
  child.kill('SIGINT')
  await once(child.stdout as NodeJS.EventEmitter, 'data')
  child.kill('SIGINT')
  const { code, stderr } = await end
  assert.equal([code, stderr], [130, ''])
})

test('with --json a signal that ended the tree is in the result', async (t) => {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  const script = 'trap "touch /out/again" TERM; touch /out/ready; while :; do sleep 0.05; done'
  const child = startCli(['run', '--json', '--bind', `${directory}:/out:writable`, '--', 'sh', '-c', script])
  const end = ended(child)
  for (const sign of ['ready', 'again']) {
    while (!existsSync(join(directory, sign))) await sleep(20)
    child.kill('SIGTERM')
  }
  const { code, stdout, stderr } = await end
  assert.equal([code, stderr], [143, ''])
  const { outcome, exitStatus } = JSON.parse(stdout)
  assert.equal([outcome, exitStatus], ['aborted', 143])
})

test(
  'an ordinary user has it, too',
  async () => {
    const { code, stdout, stderr } = await cli(['run', '--', 'id', '-u'], { uid: CALLER })
    assert.equal([code, stdout, stderr], [0, '1000\n', ''])
  },
  { needs: [anyUser, unprivilegedCaller] },
)

test(
  'on a terminal the command has it',
  async () => {
    const { stdout } = await shell(
      `script -qec '"$NODE" "$CLI" run -- sh -c "[ -t 0 ] && [ -t 1 ] && echo terminal"' /dev/null`,
    )
    assert.match(stdout, 'terminal')
    const typed = await shell(`echo typed | script -qec '"$NODE" "$CLI" run -- head -n 1' /dev/null`)
    assert.match(typed.stdout, /typed\s+typed/, 'once as the echo of the terminal, once from the command')
  },
  { needs: command('script') },
)

test('--help fits a screen, and --help-all has a line for each flag', async () => {
  for (const args of [['--help'], ['-h'], ['--memory', '1M', '--help', '--', 'true']]) {
    const { code, stdout, stderr } = await run(...args)
    assert.equal([code, stderr], [0, ''])
    assert.match(stdout, /^Usage: cofferdam run /)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
  }
  const { code, stdout } = await run('--help-all')
  assert.is(code, 0)
  assert.match(stdout, /^ {2}--memory SIZE +memory of the whole tree$/m)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
})

test.run()
