// A command that cannot be executed is a SandboxSetupError at step 'exec': with the errno's code, the path and the stack of
// the call; never a result, and nothing is left.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Sandbox, SandboxError, SandboxSetupError, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, probeRootfs } from '../support/boxes.js'
import { root } from '../support/host.js'
import { json, says, setupFailure } from '../support/inside.js'
import { staticTrue } from '../support/probe.js'
import { suite } from '../support/suite.js'
import { type Entries, link, tree, withMode } from '../support/trees.js'

const test = suite('setup errors', { warmUp: true })
const E_MACHINE = 18 // elf(5): its offset in the header

/** A program for a machine that this one is not. */
function foreignProgram(): Buffer {
  const program = readFileSync(staticTrue())
  program.writeUInt16LE(0xbeef, E_MACHINE)
  return program
}

/** A recipe over the probe and these entries, and one more program that is given as bytes. */
const FOREIGN = { mode: 0o755 }
const ENTRIES: Entries = {
  bin: {
    plain: 'no program',
    noHead: withMode(0o755, 'echo no first line\n'),
    lostScript: withMode(0o755, '#!/no/such/interpreter\n'),
    directory: {},
    private: withMode(0o700, ''),
    loop: link('loop'),
    dangling: link('/nowhere'),
    empty: withMode(0o755, ''),
  },
  shut: withMode(0o700, { true: '' }),
}

const EXEC: [what: string, file: string, code: string, hint: RegExp][] = [
  ['a command that is not there', '/no/such', 'ENOENT', /No such program in the sandbox/],
  ['a command that no directory of the PATH has', 'no-such', 'ENOENT', /No such program in the sandbox/],
  ['a file without execute permission', '/bin/plain', 'EACCES', /not executable/],
  ['a command found on the PATH without execute permission', 'plain', 'EACCES', /not executable/],
  ['a directory', '/bin/directory', 'EACCES', /not executable/],
  ['a directory on the PATH', 'directory', 'EACCES', /not executable/],
  ['a program for another architecture', '/opt/foreign', 'ENOEXEC', /wrong architecture/],
  ['a script without a first line', '/bin/noHead', 'ENOEXEC', /without a #! line/],
  ['an empty file', '/bin/empty', 'ENOEXEC', /no program for this machine/],
  ['a script whose interpreter is missing', '/bin/lostScript', 'ENOENT', /needs its interpreter/],
  ['a path through a file', '/bin/plain/true', 'ENOTDIR', /not a directory/],
  ['a link that goes round', '/bin/loop', 'ELOOP', /links go round/],
  ['a link that leads nowhere', '/bin/dangling', 'ENOENT', /No such program/],
]

for (const [what, file, code, hint] of EXEC) {
  test(`${what} is ${code} at step exec`, async (t) => {
    const recipe = sandbox()
      .rootfs([probeRootfs, tree(t, ENTRIES)])
      .env({ PATH: '/bin' })
      .file('/opt/foreign', foreignProgram(), FOREIGN)
    for (const start of [
      () => recipe.run(file),
      () => recipe.spawn(file),
      () => recipe.spawn(file, ['x'], { stdout: 'ignore' }),
    ]) {
      const error = await setupFailure(start())
      assert.equal([error.step, error.code, error.path], ['exec', code, file])
      assert.is(error.sandboxCode, 'ERR_SANDBOX_SETUP')
      assert.match(error.hint ?? '', hint)
      assert.match(error.message, `'exec' failed with ${code} (`)
      assert.match(error.message, file)
    }
  })
}

test(
  'a program that only its owner may reach is EACCES for another user',
  async (t) => {
    const recipe = sandbox().rootfs([probeRootfs, tree(t, ENTRIES)])
    for (const file of ['/bin/private', '/shut/true']) {
      const { step, code, path } = await setupFailure(recipe.user(1000).run(file))
      assert.equal([step, code, path], ['exec', 'EACCES', file])
    }
  },
  { needs: root },
)

const CWD: [what: string, path: string, code: string][] = [
  ['is missing', '/no/such', 'ENOENT'],
  ['is a file', '/bin/plain', 'ENOTDIR'],
  ['lies below a file', '/bin/plain/dir', 'ENOTDIR'],
  ['is a link that goes round', '/bin/loop', 'ELOOP'],
]

for (const [what, path, code] of CWD) {
  test(`a working directory that ${what} is ${code} with the directory's path`, async (t) => {
    const recipe = sandbox()
      .rootfs([probeRootfs, tree(t, ENTRIES)])
      .cwd(path)
    const error = await setupFailure(recipe.run('/true'))
    assert.equal([error.step, error.code, error.path], ['exec', code, path])
    assert.match(error.hint ?? '', 'working directory')
  })
}

test(
  'a working directory that the user may not enter is EACCES, and the sandbox’s root may',
  async (t) => {
    const recipe = sandbox()
      .rootfs([probeRootfs, tree(t, ENTRIES)])
      .cwd('/shut')
    const { step, code, path } = await setupFailure(recipe.user(1000).run('/true'))
    assert.equal([step, code, path], ['exec', 'EACCES', '/shut'])
    assert.is((await json<{ cwd: string }>(recipe.user(0), 'process')).cwd, '/shut')
  },
  { needs: root },
)

test('errno is the number that belongs to the code', async () => {
  const { errno, index } = await setupFailure(box().run('/no/such'))
  assert.is(errno, 2)
  assert.type(index, 'number')
})

test('the error is a SandboxError, and its stack begins at the call of run or spawn', async () => {
  const callsRun = async () => await box().run('/no/such')
  const callsSpawn = async () => await box().spawn('/no/such')
  for (const call of [callsRun, callsSpawn]) {
    const error = await setupFailure(call())
    assert.instance(error, SandboxError)
    const [first = '', frame = ''] = error.stack?.split('\n') ?? []
    assert.ok(first.startsWith('SandboxSetupError: The sandbox could not be set up'), first)
    assert.match(frame, call.name)
    assert.match(frame, basename(import.meta.url))
  }
})

test('a hundred commands that cannot be executed, at once and one by one, are a hundred errors', async () => {
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => box().run('/no/such')))
  for (let i = 0; i < 50; i++) results.push(...(await Promise.allSettled([box().run('/no/such')])))
  const codes = results.map(
    (result) => result.status === 'rejected' && result.reason instanceof SandboxSetupError && result.reason.code,
  )
  assert.equal(codes, Array(100).fill('ENOENT'))
})

test('a failure while booting is told as surely as one of the command', async () => {
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => box().mask('/no/such').run('/true')))
  const steps = results.map(({ status, ...end }) =>
    status === 'rejected' ? (end as PromiseRejectedResult).reason.step : 'ran',
  )
  assert.equal([...new Set(steps)], ['mask'])
})

test('the file is looked for in every directory of the PATH, and arguments name it as it was given', async (t) => {
  const layer = tree(t, { a: { true: 'not executable' }, 'no search': withMode(0o700, {}) })
  const recipe = sandbox().rootfs([probeRootfs, layer])
  const withPath = (PATH: string) => recipe.env({ PATH })
  for (const PATH of ['/nowhere:/a:/', '/probe:/', '/a::/', `${'/x'.repeat(2000)}:/`, '/no search:/']) {
    assert.ok((await withPath(PATH).run('true')).ok, PATH)
  }
  assert.is((await setupFailure(withPath('/nowhere').run('true'))).code, 'ENOENT')
  assert.is((await setupFailure(withPath('').cwd('/a').run('nothing'))).code, 'ENOENT')
})

const many = (count: number, text: string) => Array.from({ length: count }, () => text)

for (const [what, args] of [
  ['a thousand arguments of 1000 bytes', many(1000, 'x'.repeat(1000))],
  ['five thousand arguments', many(5000, 'argument')],
  ['forty thousand arguments', many(40_000, 'x')],
  ['one argument of 128,000 bytes', ['x'.repeat(128_000)]],
  ['empty arguments, and such as are no ASCII', ['', 'ü', '', '層', '\n', '']],
] as const) {
  test(`${what} arrive`, async () => {
    assert.equal(await json(box().limits({ output: '1GiB' }), 'args', ...args), args)
  })
}

test('five thousand variables arrive', async () => {
  const variables = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`V${i}`, `value ${i}`]))
  const seen = await json<string[]>(box().env(variables), 'env')
  assert.equal(
    seen,
    Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  )
})

const tooMuch: [what: string, start: (recipe: Sandbox) => Promise<unknown>][] = [
  ['more arguments than the kernel takes', (recipe) => recipe.run('/true', many(5000, 'x'.repeat(1000)))],
  ['more arguments than anyone takes', (recipe) => recipe.run('/true', many(1_200_000, 'x'))],
  ['one argument of more than 128 KiB', (recipe) => recipe.run('/true', ['x'.repeat(200_000)])],
  ['one variable of more than 128 KiB', (recipe) => recipe.env({ LARGE: 'x'.repeat(200_000) }).run('/true')],
]

for (const [what, start] of tooMuch) {
  test(`${what} is E2BIG at step exec`, async () => {
    const { step, code, path, hint } = await setupFailure(start(box()))
    assert.equal([step, code, path], ['exec', 'E2BIG', '/true'])
    assert.match(hint ?? '', 'arguments and the environment')
  })
}

test('after errors of every kind a sandbox still works', async () => {
  assert.is((await says(box(), 'say', 'fine')).trim(), 'fine')
})

test.run()
