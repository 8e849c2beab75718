// problem.json and languages.json: mistakes are told with their place, and what to write instead.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { suite, type TestContext } from '../../../test/support/suite.js'
import { DescriptionError } from '../src/engine/fields.js'
import { loadLanguages } from '../src/engine/languages.js'
import { loadProblem, loadProblems } from '../src/engine/problem.js'

const test = suite('judge: descriptions')
const GOOD = { title: 'A problem', limits: { cpuTime: '1s', memory: '64MiB' }, checker: { type: 'token' } }

function write(
  t: TestContext,
  description: unknown,
  tests: Record<string, string | Buffer> = { '1.in': 'i', '1.out': 'o' },
) {
  const directory = join(t.tempDir(), 'broken')
  mkdirSync(join(directory, 'tests'), { recursive: true })
  const text = typeof description === 'string' ? description : JSON.stringify(description)
  writeFileSync(join(directory, 'problem.json'), text)
  writeFileSync(join(directory, 'statement.md'), '# A problem\n')
  for (const [name, content] of Object.entries(tests)) writeFileSync(join(directory, 'tests', name), content)
  return directory
}

async function refusal(directory: string): Promise<string> {
  try {
    await loadProblem(directory)
  } catch (error) {
    assert.instance(error, DescriptionError)
    return (error as Error).message
  }
  throw new Error('The problem was loaded.')
}

test('a good one is read, compressed tests included, with defaults for what it does not say', async (t) => {
  const problem = await loadProblem(
    write(t, GOOD, { 'b.in.gz': gzipSync('in'), 'b.out': 'out', 'a.in': '', 'a.out': '' }),
  )
  assert.equal([problem.id, problem.title, problem.tests.map(({ name }) => name)], ['broken', 'A problem', ['a', 'b']])
  assert.is(String(await problem.tests[1]?.input()), 'in')
  assert.is(String(await problem.tests[1]?.answer()), 'out')
  assert.equal(problem.limits, {
    cpuTimeMs: 1000,
    wallTimeMs: 10_000,
    memoryBytes: 64 << 20,
    outputBytes: 16 << 20,
    stackBytes: 64 << 20,
  })
})

for (const [what, change, message] of [
  ['no JSON', '{', /^broken\/problem\.json: expected JSON/],
  ['a list', '[]', /expected an object, received \[\]/],
  ['no title', { ...GOOD, title: undefined }, /expected title to be a text that is not empty, received nothing/],
  ['a misspelt member', { ...GOOD, titel: 'x' }, /expected no "titel"; known are title, limits/],
  ['a limit without a unit', { ...GOOD, limits: { cpuTime: '1' } }, /limits: expected cpuTime to be a duration from/],
  ['a limit that is a number', { ...GOOD, limits: { memory: 5 } }, /expected memory to be .*, received 5/],
  ['a unit that objects have', { ...GOOD, limits: { memory: '5constructor' } }, /expected memory to be a size/],
  ['too little memory', { ...GOOD, limits: { memory: '1KiB' } }, /from '64KiB' to '64GiB', received "1KiB"/],
  ['a wall time below the CPU time', { ...GOOD, limits: { cpuTime: '2s', wallTime: '1s' } }, /no less than cpuTime/],
  ['neither checker nor interactor', { ...GOOD, checker: undefined }, /either a checker or an interactor/],
  ['both', { ...GOOD, interactor: {} }, /either a checker or an interactor/],
  [
    'an unknown checker',
    { ...GOOD, checker: { type: 'magic' } },
    /one of exact, token, float, program, received "magic"/,
  ],
  ['a negative tolerance', { ...GOOD, checker: { type: 'float', absolute: -1 } }, /absolute to be a number from 0/],
  [
    'a checker elsewhere',
    { ...GOOD, checker: { type: 'program', language: 'c', source: '../x.c' } },
    /name in the problem's/,
  ],
] as const) {
  test(`${what} is refused with its place`, async (t) => {
    assert.match(await refusal(write(t, change)), message)
  })
}

test('a test without an answer, two inputs of one name, and no tests at all are refused', async (t) => {
  assert.match(await refusal(write(t, GOOD, { '1.in': '' })), 'broken/tests: expected one 1.out or 1.out.gz.')
  assert.match(
    await refusal(write(t, GOOD, { '1.in': '', '1.in.gz': '', '1.out': '' })),
    'expected one 1.in or 1.in.gz',
  )
  assert.match(await refusal(write(t, GOOD, {})), 'expected at least one test')
})

test('a test that unpacks without end is refused', async (t) => {
  const bomb = gzipSync(Buffer.alloc(257 << 20), { level: 1 })
  const problem = await loadProblem(write(t, GOOD, { '1.in.gz': bomb, '1.out': '' }))
  const error = await problem.tests[0]?.input().catch((reason: unknown) => reason)
  assert.is((error as NodeJS.ErrnoException).code, 'ERR_BUFFER_TOO_LARGE')
})

test('the problems and languages that come with the judge are good', async () => {
  const problems = await loadProblems(new URL('../problems', import.meta.url).pathname)
  assert.ok(problems.size >= 12)
  const languages = await loadLanguages(new URL('../languages.json', import.meta.url))
  assert.ok(languages.has('c'))
})

test('a language whose programs are missing is left out, and a bad one is refused', async (t) => {
  const file = join(t.tempDir(), 'languages.json')
  const language = {
    title: 'X',
    source: 'x',
    compile: { command: ['/no/such/compiler'] },
    run: { command: ['/box/x'] },
  }
  writeFileSync(file, JSON.stringify({ x: language }))
  assert.is((await loadLanguages(file)).size, 0)
  writeFileSync(file, JSON.stringify({ x: { ...language, run: { command: ['x'] } } }))
  const error = await loadLanguages(file).catch((reason: unknown) => reason)
  assert.match(
    String(error),
    /languages\.json: x: run: expected command to be a list that begins with an absolute path/,
  )
})

test.run()
