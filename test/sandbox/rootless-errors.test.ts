// Subordinate ids that cannot be had: which reason is told, in whose words, and what is left.
import * as assert from 'uvu/assert'
import { CALLER, callerSuite, type Refusal } from '../support/caller.js'
import { asGranted, FIRST, GRANTED, type Grants, NAME, subordinateIds } from '../support/subordinate.js'

const test = callerSuite('rootless errors')
const needs = subordinateIds

const ALWAYS = `return refusal(box().subordinateIds('always').run('/true'))`
const AUTO = `return ask(box().user(0).capabilities('setuid', 'chown'), 'try-setuid 33', 'read /proc/self/uid_map')`

// Each with what the reason must name.
const WITHOUT: [what: string, grants: Grants, reason: RegExp][] = [
  ['newuidmap is missing', { ...GRANTED, newuidmap: null }, /newuidmap is not installed/],
  ['no users are granted', { subgid: `${NAME}:1400000:65536\n` }, /\/etc\/subuid grants no ids to cofferdam-caller/],
  ['no groups are granted', { subuid: `${NAME}:1300000:65536\n` }, /\/etc\/subgid grants no ids to cofferdam-caller/],
  ['the grants are for others', { subuid: 'other:1300000:65536\n', subgid: 'other:5:5\n' }, /\/etc\/subuid grants no/],
  [
    'the caller has no name',
    { subuid: `${CALLER}:1300000:65536\n`, subgid: `${CALLER}:1400000:65536\n`, named: false },
    /has no line in \/etc\/passwd/,
  ],
  ['no_new_privs is set', { ...GRANTED, setpriv: ['--no-new-privs'] }, /no_new_privs/],
]

for (const [what, grants, reason] of WITHOUT) {
  test(
    `when ${what}, that is the reason, and a recipe that can do without does`,
    async (t) => {
      const refusal = await asGranted<Refusal>(t, grants, ALWAYS)
      assert.equal([refusal.name, refusal.feature], ['SandboxUnsupportedError', 'subordinateIds'])
      assert.match(refusal.message ?? '', reason)
      assert.match(refusal.hint ?? '', /package uidmap.*--add-subuids/)
      const answers = await asGranted<string[]>(t, grants, AUTO)
      assert.is(answers[0], 'EINVAL')
      assert.equal(answers[1]?.trim().split(/\s+/), ['0', `${CALLER}`, '1'])
    },
    { needs },
  )
}

test(
  'ranges that are too short are used as far as they reach, and a user beyond is refused by name',
  async (t) => {
    const grants = { subuid: `${NAME}:1300000:5\n`, subgid: `${NAME}:1400000:5\n` }
    const { map, refusal } = await asGranted<{ map: string[]; refusal: Refusal }>(
      t,
      grants,
      `return {
        map: await ask(box().user(3).subordinateIds('always'), 'read /proc/self/uid_map'),
        refusal: await refusal(box().user(33).subordinateIds('always', { callerId: 0 }).run('/true')),
      }`,
    )
    assert.equal(
      map.map((line) => line.trim().split(/\s+/).map(Number)),
      [
        [0, FIRST.uid, 3],
        [3, CALLER, 1],
        [4, FIRST.uid + 3, 2],
      ],
    )
    assert.equal([refusal.name, refusal.feature], ['SandboxUnsupportedError', 'user'])
    assert.match(refusal.message ?? '', /user 33 is not among the 6 ids/)
  },
  { needs },
)

// What became of a refused start: the error, and nothing else.
const REFUSED = `
  const { readFileSync, writeFileSync, readdirSync } = await import('node:fs')
  const recipe = box().subordinateIds('always')
  recipe.plan()
  if (args[0] === 'withdraw') for (const name of ['subuid', 'subgid']) writeFileSync('/etc/' + name, '')
  await box().run('/true')
  await new Promise((done) => setTimeout(done, 300))
  const before = readdirSync('/proc/self/fd').length
  const error = await refusal(recipe.run('/true'))
  await new Promise((done) => setTimeout(done, 100))
  return {
    ...error,
    descriptors: readdirSync('/proc/self/fd').length - before,
    children: readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'),
    after: (await box().run('/true')).ok,
  }`

interface Refused extends Refusal {
  descriptors: number
  children: string
  after: boolean
}

function assertRefused(refused: Refused, code: string, words: RegExp): void {
  assert.equal([refused.name, refused.step, refused.code], ['SandboxSetupError', 'id-map', code])
  assert.match(refused.message ?? '', words)
  assert.match(refused.hint ?? '', /\/etc\/subuid.*set-user-id.*subordinateIds\('never'\)/)
  assert.equal([refused.descriptors, refused.children, refused.after], [0, '', true], 'nothing is left')
}

test(
  'when newuidmap refuses, the error has its words',
  async (t) => {
    const refused = await asGranted<Refused>(t, GRANTED, REFUSED, 'withdraw')
    assertRefused(refused, 'EPERM', /newuidmap: uid range \[0-1000\) -> \[1300000-1301000\) not allowed/)
  },
  { needs },
)

test(
  'a program that ends without writing the map, with or without a word, is an error',
  async (t) => {
    const silent = await asGranted<Refused>(t, { ...GRANTED, newuidmap: '#!/bin/sh\nexit 3\n' }, REFUSED)
    assertRefused(silent, 'EPERM', /newuidmap: it wrote no map, and no reason/)
    const liar = await asGranted<Refused>(t, { ...GRANTED, newuidmap: '#!/bin/sh\nexit 0\n' }, REFUSED)
    assertRefused(liar, 'EPERM', /newuidmap: it wrote no map/)
    const chatty = '#!/bin/sh\nhead -c 300000 /dev/zero | tr "\\0" "a"\nprintf "\\n\\033[1mb\\n"\nexit 1\n'
    const cut = await asGranted<Refused>(t, { ...GRANTED, newuidmap: chatty }, REFUSED)
    assertRefused(cut, 'EPERM', /: a{500}\. /)
  },
  { needs },
)

test(
  'a program that cannot be executed is an error',
  async (t) => {
    const refused = await asGranted<Refused>(t, { ...GRANTED, newuidmap: '#!/missing/interpreter\n' }, REFUSED)
    assertRefused(refused, 'ENOENT', /newuidmap: it cannot be executed/)
  },
  { needs },
)

test(
  'a program that does not end is ended after ten seconds',
  async (t) => {
    const refused = await asGranted<Refused>(t, { ...GRANTED, newuidmap: '#!/bin/sh\nexec sleep 1000\n' }, REFUSED)
    assertRefused(refused, 'ETIMEDOUT', /newuidmap: it did not end within 10 s/)
  },
  { needs, timeoutMs: 30_000 },
)

test(
  'the program gets no signal blocked or ignored, no environment of ours, no input and no descriptor of ours',
  async (t) => {
    // Read by the shell itself, which blocks signals while it starts other programs.
    const own =
      'while read name value; do case $name in SigBlk:|SigIgn:) echo $name $value;; esac; done < /proc/$$/status'
    const lines = [own, 'ls -l /proc/$$/fd | grep -o "[0-9]* -> .*"', 'env', 'cat']
    const script = ['#!/bin/sh', ...lines, 'exit 1', ''].join('\n')
    const refused = await asGranted<Refused>(t, { ...GRANTED, newuidmap: script }, REFUSED)
    const said = refused.message ?? ''
    const [, blocked = 'x', ignored = 'x'] = /SigBlk: (\w+) SigIgn: (\w+)/.exec(said) ?? []
    // Signals 32 and 33 are the C library's own, and posix_spawn(3) ignores them in whatever it starts.
    assert.equal([BigInt(`0x${blocked}`), BigInt(`0x${ignored}`) & ~(3n << 31n)], [0n, 0n])
    assert.match(said, /0 -> \/dev\/null 1 -> pipe:\[\d+\] 10 -> \/usr\/bin\/newuidmap 2 -> pipe:/)
    assert.not.match(said, /anon_inode|socket:|memfd|\.node/)
    assert.match(said, 'LC_ALL=C')
    assert.not.match(said, /TMPDIR|PATH=|HOME=/)
  },
  { needs },
)

test(
  'a caller that is started with child signals ignored has its map all the same',
  async (t) => {
    const ignoring = `trap '' CHLD`
    const ok = await asGranted<boolean>(
      t,
      { ...GRANTED, before: ignoring },
      `return (await box().subordinateIds('always').run('/true')).ok`,
    )
    assert.is(ok, true)
  },
  { needs },
)

test(
  'an aborted start does not leave the programs behind',
  async (t) => {
    const { name, children } = await asGranted<{ name: string; children: string }>(
      t,
      { ...GRANTED, newuidmap: '#!/bin/sh\nsleep 0.3\nexit 1\n' },
      `const { readFileSync } = await import('node:fs')
      const signal = AbortSignal.timeout(50)
      const { name } = await refusal(box().subordinateIds('always').run('/true', [], { signal }))
      await new Promise((done) => setTimeout(done, 1000))
      return { name, children: readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8') }`,
    )
    assert.match(name, /^Sandbox(Setup)?Error$/)
    assert.is(children, '')
  },
  { needs },
)

test.run()
