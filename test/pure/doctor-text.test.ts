// The doctor's text: wrapping, commands that stay pasteable, and a report as people see it.
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { formatReport } from '../../src/cli/doctor-text.js'
import { wantsColour, wrap, wrapCommand, wrapRemedy } from '../../src/cli/text.js'
import type { HostCapability, HostReport } from '../../src/host/report-types.js'
import { suite } from '../support/suite.js'

const test = suite('doctor text')

test('prose is wrapped between words, and a long path behind a slash', () => {
  assert.equal(wrap('one two  three\nfour', 9), ['one two', 'three', 'four'])
  assert.equal(wrap('', 9), [])
  assert.equal(wrap('in /a/very/long/path/of/directories here', 12), [
    'in /a/very/',
    'long/path/',
    'of/',
    'directories',
    'here',
  ])
  assert.equal(wrap('x'.repeat(25), 10), ['x'.repeat(10), 'x'.repeat(10), 'xxxxx'])
})

const COMMANDS = [
  'echo one two three four five six seven eight nine ten',
  `printf 'a b %s c d\\n' "$(printf 'e f')" | tr a-z A-Z && echo "quoted text with blanks in it"`,
  "echo 'a very long text in quotes that does not fit into a line of this width at all'",
]

for (const line of COMMANDS) {
  test(`a command that is wrapped is the same command: ${line.slice(0, 20)}`, () => {
    const sh = (text: string) => spawnSync('sh', ['-c', text], { encoding: 'utf8' }).stdout
    for (const width of [20, 30, 44, 80]) {
      const wrapped = wrapCommand(line, width)
      assert.is(sh(wrapped.join('\n')), sh(line), wrapped.join('\n'))
    }
    assert.ok(wrapCommand(line, 30).length > 1 || line.includes("echo 'a very"))
  })
}

test('a short command stays in its sentence, a long one has lines of its own', () => {
  const command = 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
  assert.equal(wrapRemedy('Run `ls -l`, please.', 40), ['Run ls -l, please.'])
  assert.equal(wrapRemedy(`Lift it: \`${command}\`. Root is not restricted.`, 70), [
    'Lift it:',
    `  ${command}`,
    'Root is not restricted.',
  ])
})

test('colour is for terminals, unless the environment says otherwise', () => {
  const terminal = { isTTY: true }
  assert.equal(
    [
      wantsColour(terminal, {}),
      wantsColour({}, {}),
      wantsColour(terminal, { NO_COLOR: '1' }),
      wantsColour(terminal, { NO_COLOR: '' }),
      wantsColour(terminal, { TERM: 'dumb' }),
      wantsColour({}, { FORCE_COLOR: '1' }),
      wantsColour({}, { FORCE_COLOR: '' }),
      wantsColour(terminal, { FORCE_COLOR: '0' }),
      wantsColour({}, { FORCE_COLOR: '1', NO_COLOR: '1' }),
    ],
    [true, false, false, true, false, true, true, false, true],
  )
})

function capability(part: Partial<HostCapability>): HostCapability {
  return {
    name: 'x',
    group: 'process',
    title: 'x',
    works: true,
    required: false,
    how: 'It was tried.',
    detail: undefined,
    code: undefined,
    step: undefined,
    cost: 'No x.',
    remedy: undefined,
    ...part,
  }
}

const REPORT: HostReport = {
  version: '1.2.3',
  node: '20.0.0',
  platform: 'linux-x64',
  kernel: '6.8.0-45-generic',
  caller: { uid: 1000, gid: 1000 },
  seccompFilter: true,
  container: 'docker',
  cgroups: 'v2',
  settings: {
    'kernel.apparmor_restrict_unprivileged_userns': 1,
    'user.max_user_namespaces': 63000,
    'user.max_net_namespaces': 63000,
    'user.max_uts_namespaces': 0,
  },
  defaultSandbox: { starts: false, reason: "step 'clone' failed with EPERM.", remedy: 'Do this.' },
  limitedSandbox: { starts: false, reason: 'the same.', remedy: 'Do this.' },
  capabilities: [
    capability({ title: 'one' }),
    capability({ title: 'two', required: true, works: false, detail: 'the reason.', remedy: 'Do this.' }),
    capability({ title: 'three', works: false, detail: 'the reason.', remedy: 'Do that.' }),
    capability({ title: 'four', works: undefined, detail: 'it could not be tried.' }),
    capability({ title: 'five', group: 'cgroups', detail: 'Version 5.' }),
  ],
}

test('a report as people see it', () => {
  const text = formatReport(REPORT, { width: 60, colour: false })
  const expected = `
package   cofferdam 1.2.3, Node 20.0.0, linux-x64
kernel    6.8.0-45-generic
caller    uid 1000, gid 1000; a seccomp filter is on it
container marks of docker
cgroups   v2
settings  kernel.apparmor_restrict_unprivileged_userns=1
          user.max_user_namespaces=63000
          user.max_uts_namespaces=0

FAIL  A default sandbox does not start. Step 'clone' failed
      with EPERM. See remedy 1.
FAIL  A sandbox with limits does not start. The same. See
      remedy 1.

Starting a process
ok    one                   It was tried.
FAIL  two                   The reason. Without it: no x.
                            See remedy 1.
no    three                 As for 'two'. Without it: no x.
                            See remedy 2.
?     four                  It could not be tried. Without
                            it: no x.

Namespaces

Root file system

Limits, control and figures (cgroups)
ok    five                  It was tried. Version 5.

Privileges

Remedies
1.  Do this.
2.  Do that.
`.trimStart()
  assert.fixture(text, expected)
})

test('colour changes nothing but colour', () => {
  const coloured = formatReport(REPORT, { width: 80, colour: true })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what colours are made of
  assert.is(coloured.replaceAll(/\u001b\[\d+m/g, ''), formatReport(REPORT, { width: 80, colour: false }))
  assert.match(coloured, '\u001b[31mFAIL')
})

test.run()
