// The flags of `cofferdam run` and `plan`: one for every verb of a recipe and for every key of its options, each with the
// effect of the method, and what is said about calls that cannot be understood.
import * as assert from 'uvu/assert'
import { type Command, type Option, UsageError } from '../../src/cli/command.js'
import { failureOf, inFlags } from '../../src/cli/failure.js'
import { FLAGS, flagThatSets } from '../../src/cli/flags.js'
import { asksForJson, parseCall } from '../../src/cli/parse.js'
import { plan } from '../../src/cli/plan.js'
import { recipeOf } from '../../src/cli/recipe.js'
import { run } from '../../src/cli/run.js'
import { splitAt } from '../../src/cli/values.js'
import { type Sandbox, sandbox } from '../../src/sandbox.js'
import { readDocument } from '../support/markdown.js'
import { suite } from '../support/suite.js'

const test = suite('flags')

const kebab = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** The recipe of a command line as a shell would split it: words between blanks. */
function recipe(...args: string[]): Sandbox {
  return recipeOf(parseCall(run, [...args, '--', 'true']).given)
}

function errorOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

const said = (...args: string[]) => failureOf(errorOf(() => recipe(...args)))?.message ?? ''

const VERBS = Object.getOwnPropertyNames(Object.getPrototypeOf(Object.getPrototypeOf(sandbox()))).filter(
  (name) => name !== 'constructor',
)

test('every verb of a recipe has a flag, and no flag is of something else', () => {
  assert.ok(VERBS.length >= 20, `only ${VERBS.length} verbs were found`)
  const set = new Set(FLAGS.map(({ sets }) => sets.split('.')[0] as string))
  assert.equal([...set].sort(), [...VERBS].sort())
})

/** The keys that a verb's options may have: it tells them when it is given another one. */
function keysOf(call: (options: never) => unknown): string[] {
  const { message } = errorOf(() => call({ zzzzzzzzzzzzzzzz: 1 } as never)) as Error
  const list = /Known options: (.*)\./.exec(message)?.[1]
  if (list === undefined) throw new Error(`No list of options in: ${message}`)
  return list.split(', ')
}

const OPTIONS: Record<string, (options: never) => unknown> = {
  limits: (options) => sandbox().limits(options),
  priority: (options) => sandbox().priority(options),
  rootfs: (options) => sandbox().rootfs('/', options),
  clockOffset: (options) => sandbox().clockOffset(options),
  landlock: (options) => sandbox().landlock(options),
  subordinateIds: (options) => sandbox().subordinateIds('always', options),
}

for (const [verb, call] of Object.entries(OPTIONS)) {
  test(`every key of ${verb}() has a flag`, () => {
    const keys = keysOf(call)
    const flags = FLAGS.filter(({ sets }) => sets.startsWith(`${verb}.`)).map(({ sets }) => sets.split('.')[1])
    assert.equal([...flags].sort(), [...keys].sort())
  })
}

test('every key of bind(), tmpfs(), file() and of a limit of io can be said in the value', () => {
  const inValue: [call: (options: never) => unknown, args: (key: string) => string[]][] = [
    [(options) => sandbox().bind('/usr', '/x', options), (key) => ['--bind', `/usr:/x:${key}`]],
    [(options) => sandbox().tmpfs('/x', options), (key) => ['--tmpfs', `/x:${key}=${key === 'mode' ? '700' : '1MiB'}`]],
    [(options) => sandbox().file('/x', '', options), (key) => ['--file', `/x:${key}=700=text`]],
  ]
  for (const [call, args] of inValue) for (const key of keysOf(call)) recipe(...args(key))
  const ofIo = keysOf((options) => sandbox().limits({ io: options })).filter((key) => key !== 'device')
  assert.equal(ofIo.map(kebab).sort(), ['read-bps', 'read-iops', 'write-bps', 'write-iops'])
})

test('a flag has the name of its key, after that of its verb unless the key says enough', () => {
  for (const { name, sets } of FLAGS) {
    const [verb = '', key] = sets.split('.')
    const alone = key !== undefined && (verb === 'limits' || verb === 'priority')
    assert.is(name, alone ? kebab(key) : [verb, ...(key === undefined ? [] : [key])].map(kebab).join('-'))
  }
  const names = [...FLAGS, ...run.options].map(({ name }) => name)
  assert.is(new Set(FLAGS.map(({ name }) => name)).size, FLAGS.length, 'two flags have one name')
  assert.ok(names.every((name) => /^[a-z]+(-[a-z]+)*$/.test(name)))
})

test('run and plan have the same flags of a recipe', () => {
  for (const { options } of [run, plan]) for (const flag of FLAGS) assert.ok(options.includes(flag), flag.name)
})

// Each flag, what it is given, and the call of the API that it stands for.
const EFFECTS: readonly [args: readonly string[], api: Sandbox][] = [
  [['--namespaces', 'user,mount'], sandbox().namespaces('user', 'mount')],
  [['--share', 'net', '--share', 'ipc,uts'], sandbox().share('net', 'ipc', 'uts')],
  [['--network', 'host'], sandbox().network('host')],
  [['--hostname=builder-7'], sandbox().hostname('builder-7')],
  [['--clock-offset-boottime', '30d'], sandbox().clockOffset({ boottime: '30d' })],
  [
    ['--clock-offset-monotonic', '-1.5h', '--clock-offset-boottime', '1s'],
    sandbox().clockOffset({ monotonic: '-1.5h', boottime: '1s' }),
  ],
  [['--rootfs', '/usr'], sandbox().rootfs(['/usr'])],
  [['--rootfs', '/usr', '--rootfs', '/etc,/var'], sandbox().rootfs(['/usr', '/etc', '/var'])],
  [['--rootfs', '/usr', '--rootfs-size', '1GiB'], sandbox().rootfs('/usr', { size: '1GiB' })],
  [['--rootfs-mode', 'readonly', '--rootfs', '/usr'], sandbox().rootfs('/usr', { mode: 'readonly' })],
  [['--rootfs', '/usr', '--rootfs-switch', 'switch_root'], sandbox().rootfs('/usr', { switch: 'switch_root' })],
  [
    ['--rootfs-switch', 'chroot', '--rootfs', '/usr', '--share', 'mount'],
    sandbox().share('mount').rootfs('/usr', { switch: 'chroot' }),
  ],
  [['--bind', '/usr'], sandbox().bind('/usr')],
  [['--bind', '/usr:/x'], sandbox().bind('/usr', '/x')],
  [['--bind', '/usr:writable'], sandbox().bind('/usr', undefined, { writable: true })],
  [['--bind', '/u:/x:writable,optional'], sandbox().bind('/u', '/x', { writable: true, optional: true })],
  [['--bind', '/a\\:b:/x\\\\y'], sandbox().bind('/a:b', '/x\\y')],
  [['--tmpfs', '/x'], sandbox().tmpfs('/x')],
  [['--tmpfs', '/x:size=1MiB,mode=0700'], sandbox().tmpfs('/x', { size: '1MiB', mode: 0o700 })],
  [['--file', '/x=a=b:c@d'], sandbox().file('/x', 'a=b:c@d')],
  [['--file', '/x='], sandbox().file('/x', '')],
  [['--file', '/x=@@at'], sandbox().file('/x', '@at')],
  [['--file', '/x:mode=755=#!/bin/sh\ntrue\n'], sandbox().file('/x', '#!/bin/sh\ntrue\n', { mode: 0o755 })],
  [['--file', '/a\\=b\\:c=text'], sandbox().file('/a=b:c', 'text')],
  [['--symlink', '/usr/bin/python3:/bin/python'], sandbox().symlink('/usr/bin/python3', '/bin/python')],
  [['--symlink', 'a\\:b:/c'], sandbox().symlink('a:b', '/c')],
  [['--mask', '/etc/ssl'], sandbox().mask('/etc/ssl')],
  [['--cwd', '/tmp'], sandbox().cwd('/tmp')],
  [['--env', 'A=1', '--env', 'B=x=y', '--env', 'C='], sandbox().env({ A: '1', B: 'x=y', C: '' })],
  [['--env', 'A=1', '--env', 'A=2'], sandbox().env({ A: '2' })],
  [['--env', 'PATH'], sandbox().env({ PATH: process.env.PATH })],
  [['--env', 'NO_SUCH_VARIABLE_HERE'], sandbox().env({})],
  [['--user', '0'], sandbox().user(0)],
  [['--user', '33:34'], sandbox().user(33, 34)],
  [['--subordinate-ids', 'never'], sandbox().subordinateIds('never')],
  [
    ['--subordinate-ids-caller-id', '0', '--subordinate-ids', 'always'],
    sandbox().subordinateIds('always', { callerId: 0 }),
  ],
  [['--cpu', '0.5'], sandbox().limits({ cpu: 0.5 })],
  [['--cpuset', '0'], sandbox().limits({ cpuset: '0' })],
  [['--cpu-time', '1.5s', '--wall-time', '1m'], sandbox().limits({ cpuTime: '1.5s', wallTime: '1m' })],
  [['--memory', '256MiB', '--swap', '0'], sandbox().limits({ memory: '256MiB', swap: 0 })],
  [['--memory', '1MiB', '--memory', 'max'], sandbox().limits({ memory: 'max' })],
  [['--memory-high', '1048576'], sandbox().limits({ memoryHigh: 1048576 })],
  [['--oom-group'], sandbox().limits({ oomGroup: true })],
  [['--pids', '32'], sandbox().limits({ pids: 32 })],
  [['--pids', 'max'], sandbox().limits({ pids: 'max' })],
  [
    ['--open-files', '64', '--file-size', '1MiB', '--stack', '1MiB', '--core', '4KiB', '--output', '1KiB'],
    sandbox().limits({ openFiles: 64, fileSize: '1MiB', stack: '1MiB', core: '4KiB', output: '1KiB' }),
  ],
  [['--cpu-weight', '10', '--io-weight', '20'], sandbox().priority({ cpuWeight: 10, ioWeight: 20 })],
  [['--nice', '5'], sandbox().priority({ nice: 5 })],
  [['--nice', '-5'], sandbox().priority({ nice: -5 })],
  [['--measure', 'memory,pids', '--measure', 'io'], sandbox().measure('memory', 'pids', 'io')],
  [['--seccomp', 'strict'], sandbox().seccomp('strict')],
  [['--capabilities', 'net_bind_service,chown'], sandbox().capabilities('net_bind_service', 'chown')],
  [
    ['--landlock-read', '/usr,/lib', '--landlock-read', '/etc', '--landlock-write', 'none'],
    sandbox().landlock({ read: ['/usr', '/lib', '/etc'], write: [] }),
  ],
  [
    ['--landlock-execute', '/usr', '--landlock-ioctl', '/dev/null', '--landlock-scope', 'signal'],
    sandbox().landlock({ execute: ['/usr'], ioctl: ['/dev/null'], scope: ['signal'] }),
  ],
  [
    ['--landlock-write', '/tmp', '--landlock-truncate', 'unrestricted'],
    sandbox().landlock({ write: ['/tmp'], truncate: 'unrestricted' }),
  ],
  [
    ['--landlock-connect-tcp', '80,443', '--landlock-bind-tcp', 'none'],
    sandbox().landlock({ connectTcp: [80, 443], bindTcp: [] }),
  ],
]

for (const [args, api] of EFFECTS) {
  test(`${args.join(' ').replaceAll('\n', '\\n')} is what the method says`, () => {
    assert.equal(recipe(...args).plan(), api.plan())
  })
}

test('every flag is tried above, or needs something of the host', () => {
  const tried = new Set(EFFECTS.flatMap(([args]) => args.map((word) => word.split('=')[0])))
  const rest = FLAGS.map(({ name }) => `--${name}`).filter((flag) => !tried.has(flag))
  assert.equal(rest, ['--rootfs-upper', '--io'])
})

test('a limit of a disk names the disk before its last colon', () => {
  const parsed = FLAGS.find(({ name }) => name === 'io')?.read
  assert.equal(parsed?.('8:0:read-bps=1MiB,write-iops=100', '--io'), [
    { device: '8:0', readBps: '1MiB', writeIops: 100 },
  ])
  assert.equal(parsed?.('/dev/sda:write-bps=5', '--io'), [{ device: '/dev/sda', writeBps: '5' }])
})

test('a backslash keeps what follows it together, in every list', () => {
  assert.equal(splitAt('a\\,b,c', ','), ['a\\,b', 'c'])
  assert.equal(splitAt('', ','), [''])
  assert.equal(splitAt('a\\', ','), ['a\\'])
  const { boot } = recipe('--landlock-read', '/usr\\,x,/usr').plan()
  assert.equal(
    boot.flatMap((step) => (step.op === 'landlock-path' && step.path.startsWith('/usr') ? [step.path] : [])),
    ['/usr,x', '/usr'],
  )
})

const MISTAKES: readonly [args: readonly string[], message: string][] = [
  [
    ['--memory', '1x'],
    "--memory: expected a size in bytes or as '64KiB', '256MiB', '1.5GiB', at least 64 KiB, but received '1x'.",
  ],
  [
    ['--wall-time', '5'],
    "--wall-time: expected a duration in milliseconds or as '200ms', '1.5s', '2m', '1h', but received '5'. A string needs its unit: '1.5s'.",
  ],
  [['--cpu', 'lots'], "--cpu: expected a number of cores from 0.01 to 4096, or 'max', but received 'lots'."],
  [['--pids', '0'], '--pids: expected an integer from 1 to 4194304, but received 0.'],
  [
    ['--share', 'nte'],
    "--share: expected one of 'user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time', but received 'nte'. Did you mean 'net'?",
  ],
  [
    ['--rootfs-mode', 'readonl', '--rootfs', '/'],
    "--rootfs-mode: expected one of 'overlay', 'readonly', 'writable', but received 'readonl'. Did you mean 'readonly'?",
  ],
  [['--rootfs', '/no/such'], "--rootfs: expected a directory that exists, but received '/no/such'. /no/such: ENOENT."],
  [['--rootfs-size', '1GiB'], '--rootfs-size needs --rootfs. Add --rootfs, or drop --rootfs-size.'],
  [
    ['--subordinate-ids-caller-id', '0'],
    '--subordinate-ids-caller-id needs --subordinate-ids. Add --subordinate-ids, or drop --subordinate-ids-caller-id.',
  ],
  [
    ['--rootfs', '/', '--rootfs-mode', 'readonly', '--rootfs-size', '1GiB'],
    "--rootfs-size is the size of the layer in memory: only with mode 'overlay' and without `upper`.",
  ],
  [
    ['--share', 'uts', '--hostname', 'x'],
    "--hostname needs a uts namespace of the sandbox's own, but --share uts or --namespaces without 'uts' has it use the host's. Drop one of the two calls.",
  ],
  [
    ['--bind', '/etc:/etc:ro'],
    "--bind: expected known options only, but received 'ro'. Known options: writable, optional.",
  ],
  [
    ['--bind', '/a:/b:c:d'],
    "--bind: expected SOURCE[:TARGET][:writable,optional], but received '/a:/b:c:d'. A colon in a path is written '\\:'.",
  ],
  [
    ['--tmpfs', 'x'],
    "--tmpfs: expected an absolute path, but received 'x'. Paths inside the sandbox start with a slash.",
  ],
  [
    ['--tmpfs', '/x:mode=9'],
    "--tmpfs: expected an integer from 0 to 4095, but received '9'. Write it in octal, as 0o755.",
  ],
  [
    ['--file', '/x'],
    "--file: expected TARGET[:mode=MODE]=TEXT or =@FILE, but received '/x'. Write --file /etc/motd=hello, or --file /etc/motd=@motd.txt for a file's content.",
  ],
  [['--file', '/x=@/no/such'], "--file: '/no/such' cannot be read: ENOENT. Name a file of the host."],
  [
    ['--symlink', '/x'],
    "--symlink: expected TARGET:PATH, but received '/x'. TARGET is what the link says, PATH where it lies, as in `ln -s TARGET PATH`.",
  ],
  [['--mask', '/'], "--mask: expected a path below '/', but received '/'. The root itself is set with --rootfs."],
  [['--user', 'root'], "--user: expected an integer from 0 to 65535, but received 'root'."],
  [['--user', '0:x'], "--user: expected an integer from 0 to 65535, but received 'x'."],
  [['--env', '=x'], "--env: expected a non-empty string, but received ''."],
  [
    ['--io', '/dev/sda'],
    "--io: expected DEVICE:KEY=VALUE,..., but received '/dev/sda'. Keys: read-bps, write-bps, read-iops, write-iops.",
  ],
  [['--io', '8:0:read-bsp=1'], "--io: expected known options only, but received 'read-bsp'. Did you mean 'read-bps'?"],
  [
    ['--seccomp', 'strickt'],
    "--seccomp: expected one of 'default', 'strict', 'off', but received 'strickt'. Did you mean 'strict'?",
  ],
  [['--seccomp', '/no/such.json'], "--seccomp: '/no/such.json' cannot be read: ENOENT. Name a file of the host."],
  [
    ['--capabilities', 'net_bind'],
    "--capabilities: expected the name of a capability, but received 'net_bind'. Did you mean 'net_bind_service'?",
  ],
  [
    ['--landlock-read', 'usr'],
    "--landlock-read: expected an absolute path, but received 'usr'. Paths inside the sandbox start with a slash.",
  ],
  [['--landlock-connect-tcp', '0'], '--landlock-connect-tcp: expected an integer from 1 to 65535, but received 0.'],
  [
    ['--landlock-truncate', 'write'],
    '--landlock-truncate is about where `write` permits to write: give both, or neither.',
  ],
  [
    ['--landlock-scope', 'none'],
    '--landlock-*: expected at least one of read, write, execute, ioctl, truncate, connectTcp, bindTcp, scope, but received { scope: [] }. A rule restricts; no rule does not.',
  ],
  [['--memroy', '1M'], "unknown option '--memroy'. Did you mean '--memory'?"],
  [['--rootfs-sice', '1M'], "unknown option '--rootfs-sice'. Did you mean '--rootfs-size'?"],
  [['--zzzzzzzzzz'], "unknown option '--zzzzzzzzzz'. --help lists the known options."],
  [['-m', '1M'], "unknown option '-m'. --help lists the known options."],
  [['--oom-group=yes'], "option '--oom-group' takes no value, but received 'yes'."],
  [['--memory', '--pids', '3'], "option '--memory' needs a value, but is followed by '--pids'. Write --memory=SIZE."],
]

for (const [args, message] of MISTAKES) {
  test(`${args.join(' ')} is refused with its flag, what was expected and what to write`, () => {
    assert.is(said(...args), message)
    assert.not.match(message, '\n')
  })
}

test('a value that the command line ends before is asked for', () => {
  const failure = failureOf(errorOf(() => parseCall(run, ['--memory'])))
  assert.equal(failure, {
    code: 'ERR_SANDBOX_INVALID_OPTION',
    message: "option '--memory' needs a value. Write --memory=SIZE.",
    flag: '--memory',
    suggestion: 'Write --memory=SIZE.',
  })
})

test('options end where the command begins, with or without --', () => {
  const words = (...args: string[]) => {
    const { given, words: found } = parseCall(run, args)
    return [given.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)), found]
  }
  assert.equal(words('--pids', '3', 'ls', '--json', '-l'), [['pids=3'], ['ls', '--json', '-l']])
  assert.equal(words('--json', '--', 'ls', '--', '--pids'), [['json'], ['ls', '--', '--pids']])
  assert.equal(words('--', '--odd', '-x'), [[], ['--odd', '-x']])
  assert.equal(words('ls', '--memroy'), [[], ['ls', '--memroy']])
  assert.equal(words('--json'), [['json'], []])
  assert.equal(words('--'), [[], []])
  assert.equal(words('-', 'x'), [[], ['-', 'x']])
  assert.equal(words('', 'x'), [[], ['', 'x']])
  assert.equal(words('--hostname=--json', 'ls'), [['hostname=--json'], ['ls']])
  assert.equal(words('--nice', '-5', 'ls'), [['nice=-5'], ['ls']])
})

test('--json counts before the command only, whatever is wrong with the rest', () => {
  assert.ok(asksForJson(run, ['--memroy', '--json', '--', 'ls']))
  assert.ok(asksForJson(run, ['--json', 'ls']))
  assert.not.ok(asksForJson(run, ['ls', '--json']))
  assert.not.ok(asksForJson(run, ['--', '--json']))
})

test('a command that takes no words refuses them', () => {
  const json: Option = { name: 'json' }
  const odd: Command = { ...plan, takesCommand: false, options: [json] }
  assert.instance(
    errorOf(() => parseCall(odd, ['--json', 'now'])),
    UsageError,
  )
  assert.equal(parseCall(odd, ['--json']).given, [{ name: 'json', value: undefined }])
})

test('sentences of the API are said with flags', () => {
  for (const [api, flags] of [
    ["share('net')", '--share net'],
    ['rootfs()', '--rootfs'],
    ["landlock({ scope: ['signal'] }) keeps it", '--landlock-scope signal keeps it'],
    ["subordinateIds('always', { callerId })", '--subordinate-ids always --subordinate-ids-caller-id'],
    ["rootfs(dir, { switch: 'chroot', mode: 'overlay' })", '--rootfs-switch chroot --rootfs-mode overlay'],
    ['limits({ memory })', '--memory'],
    ['landlock()', 'landlock()'],
    ['chroot(2) needs root', 'chroot(2) needs root'],
    ['user_namespaces(7)', 'user_namespaces(7)'],
  ] as const) {
    assert.is(inFlags(api), flags)
  }
  assert.is(flagThatSets('limits.cpuTime'), '--cpu-time')
  assert.is(flagThatSets('limits'), undefined)
})

test('docs/cli.md has a row for each flag, with its value, its method and its text, and no other', () => {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const rows = FLAGS.map(({ name, value, sets, help }) => {
    const method = sets.includes('.') ? sets.replace('.', '().') : `${sets}()`
    return `| \`--${name}${value === undefined ? '' : ` ${cell(value)}`}\` | \`${method}\` | ${cell(help)} |`
  })
  assert.equal(readDocument('docs/cli.md').match(/^\| `--[^|]*(?:\\\|[^|]*)*\| `\w+\(\).*$/gm), rows)
})

test('the help of run names every flag, and fits a screen', () => {
  for (const { name } of run.options.filter(({ name }) => name !== 'help')) assert.match(run.help, `--${name}`)
  const lines = run.help.trimEnd().split('\n')
  assert.ok(lines.length <= 36, `${lines.length} lines`)
  for (const line of [...lines, ...plan.help.split('\n')]) assert.ok(line.length <= 80, line)
})

test.run()
