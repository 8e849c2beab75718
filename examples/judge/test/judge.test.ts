// The engine from a submission to its verdict. What each kind of program gets is the corpus's business (npm run corpus).
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as assert from 'uvu/assert'
import type { TestContext } from '../../../test/support/suite.js'
import { Judge, type Progress, SubmissionError } from '../src/engine/judge.js'
import { loadLanguages } from '../src/engine/languages.js'
import type { Checker, Problem } from '../src/engine/problem.js'
import { patientSuite } from './patient.js'

const test = patientSuite('judge: the engine', { warmUp: true })
const LANGUAGES = await loadLanguages(new URL('../languages.json', import.meta.url))
const SUM = '#include <stdio.h>\nint main(void) { long a, b; scanf("%ld %ld", &a, &b); printf("%ld\\n", a + b); }\n'

function problem(tests: readonly (readonly [string, string])[], checker: Checker, cpuTimeMs = 1000): Problem {
  const bytes = (text: string) => () => Promise.resolve(Buffer.from(text))
  return {
    id: 'p',
    title: 'P',
    statement: '',
    limits: { cpuTimeMs, wallTimeMs: 30_000, memoryBytes: 64 << 20, outputBytes: 1 << 20, stackBytes: 64 << 20 },
    checker,
    tests: tests.map(([input, answer], i) => ({ name: String(i + 1), input: bytes(input), answer: bytes(answer) })),
  }
}

function judgeOf(t: TestContext, one: Problem): Judge {
  const judge = new Judge(new Map([['p', one]]), LANGUAGES)
  t.cleanUp(() => judge.close())
  return judge
}

const token: Checker = { type: 'token', ignoreCase: false }
const c = (source: string, tests: 'first' | 'all' = 'first') => ({ problem: 'p', language: 'c', source, tests })

test('each step is told as it happens, and stops at the first test that fails', async (t) => {
  const judge = judgeOf(
    t,
    problem(
      [
        ['1 2', '3'],
        ['1 2', '4'],
        ['2 2', '4'],
      ],
      token,
    ),
  )
  const steps: Progress[] = []
  const judgement = await judge.judge(c(SUM), (step) => steps.push(step))
  assert.is(judgement.verdict, 'WA')
  assert.is(judgement.explanation, 'Test 2: Word 1 is "3", and should be "4".')
  assert.equal(
    steps.map((step) => (step.step === 'tested' ? step.result.verdict : step.step)),
    ['compiling', 'running', 'AC', 'WA'],
  )
  assert.ok((judgement.cpuTimeMs ?? 0) > 0 && (judgement.memoryPeakBytes ?? 0) > 0)
})

test('with all tests asked for, every one is run and the first failure is the verdict', async (t) => {
  const judge = judgeOf(
    t,
    problem(
      [
        ['1 2', '3'],
        ['1 2', '4'],
        ['2 2', '4'],
      ],
      token,
    ),
  )
  const { verdict, tests } = await judge.judge(c(SUM, 'all'))
  assert.is(verdict, 'WA')
  assert.equal(
    tests.map((result) => result.verdict),
    ['AC', 'WA', 'AC'],
  )
})

const burning = (ms: number) =>
  `#include <stdio.h>\n#include <time.h>\nint main(void) { while (clock() < ${ms} * (CLOCKS_PER_SEC / 1000)) {} puts("1"); }\n`

test('a program just over its CPU time is run three times, one below it or far over it once', async (t) => {
  const judge = judgeOf(t, problem([['', '1']], token, 400))
  for (const [ms, verdict, runs] of [
    [450, 'TLE', 3],
    [300, 'AC', 1],
    [5000, 'TLE', 1],
  ] as const) {
    const { tests } = await judge.judge(c(burning(ms)))
    assert.equal([tests[0]?.verdict, tests[0]?.runs], [verdict, runs], `${ms} ms: ${tests[0]?.explanation}`)
  }
})

test('a program that meets its wall time is run again if it was busy, and once if it waited', async (t) => {
  const one = problem([['', '1']], token, 1000)
  const judge = judgeOf(t, { ...one, limits: { ...one.limits, wallTimeMs: 1250 } })
  const busy =
    '#include <time.h>\n#include <unistd.h>\n' +
    'int main(void) { for (clock_t end = clock();; usleep(50000)) for (end += 50000; clock() < end;) {} }\n'
  const waits = '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n'
  for (const [source, runs] of [
    [busy, 3],
    [waits, 1],
  ] as const) {
    const { tests } = await judge.judge(c(source))
    assert.equal([tests[0]?.verdict, tests[0]?.runs], ['TLE', runs], tests[0]?.explanation)
  }
})

test('the exit code or signal of a run-time error is told', async (t) => {
  const judge = judgeOf(t, problem([['', '']], token))
  const code = await judge.judge(c('int main(void) { return 7; }'))
  assert.equal([code.verdict, code.tests[0]?.exitCode, code.tests[0]?.signal], ['RE', 7, undefined])
  const signal = await judge.judge(c('#include <stdlib.h>\nint main(void) { abort(); }'))
  assert.equal([signal.verdict, signal.tests[0]?.exitCode, signal.tests[0]?.signal], ['RE', undefined, 'SIGABRT'])
})

test("a compile error has the compiler's message and no tests", async (t) => {
  const judge = judgeOf(t, problem([['', '']], token))
  const { verdict, explanation, tests } = await judge.judge(c('int main(void) { return nothing; }'))
  assert.equal([verdict, tests], ['CE', []])
  assert.match(explanation, /main\.c:1:\d+: error: .*nothing/)
})

test('an unknown problem, an unknown language and a source too large are refused, and say what is known', async (t) => {
  const judge = judgeOf(t, problem([['', '']], token))
  for (const [change, message] of [
    [{ problem: 'q' }, /no problem "q"/],
    [{ language: 'cobol' }, /one of c, .*received "cobol"/],
    [{ language: '__proto__' }, /one of c, /],
    [{ source: 'x'.repeat(10 << 20) }, /at most 262144 bytes, received 10485760/],
  ] as const) {
    const error = await judge.judge({ ...c(SUM), ...change }).catch((reason: unknown) => reason)
    assert.instance(error, SubmissionError)
    assert.match((error as Error).message, message)
  }
})

for (const [what, source, message] of [
  ['crashes', '#include <stdlib.h>\nint main(void) { abort(); }', /SIGABRT/],
  ['loops', 'int main(void) { for (;;) {} }', /CPU time limit/],
  ['has no verdict', 'int main(void) { return 42; }', /code 42/],
  ['does not compile', 'int main(void) { return x; }', /does not compile/],
] as const) {
  test(`a checker that ${what} is our fault, whatever the submission`, async (t) => {
    const limits = { ...problem([], token).limits, cpuTimeMs: 300 }
    const judge = judgeOf(t, problem([['', '1']], { type: 'program', program: { language: 'c', source, limits } }))
    const { verdict, explanation } = await judge.judge(c(burning(0)))
    assert.is(verdict, 'SE', explanation)
    assert.match(explanation, message)
  })
}

test('a test that cannot be read is our fault, and the next submission is judged', async (t) => {
  const one = problem([['1 2', '3']], token)
  const [good] = one.tests
  let fails = true
  const input = async () => {
    if (fails) throw new Error('The disk is gone.')
    return Buffer.from('1 2')
  }
  const judge = judgeOf(t, { ...one, tests: good ? [{ ...good, input }] : [] })
  const broken = await judge.judge(c(SUM))
  assert.equal([broken.verdict, broken.explanation], ['SE', 'Test 1: The disk is gone.'])
  fails = false
  assert.is((await judge.judge(c(SUM))).verdict, 'AC')
})

test('a submission that is given up while it runs ends at once, and leaves nothing', async (t) => {
  const one = problem([['', '']], token, 60_000)
  const judge = judgeOf(t, { ...one, limits: { ...one.limits, wallTimeMs: 600_000 } })
  const stop = new AbortController()
  const judging = judge.judge(
    c('#include <unistd.h>\nint main(void) { for (;;) pause(); }'),
    ({ step }) => step === 'running' && setTimeout(() => stop.abort(new Error('Given up.')), 300),
    stop.signal,
  )
  const error = await judging.catch((reason: unknown) => reason)
  assert.is((error as Error).message, 'Given up.')
})

test('what was compiled is gone with the submission, and the rest with the judge', async (t) => {
  const judge = judgeOf(t, problem([['1 2', '3']], token))
  const mine = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cofferdam-judge-'))
  const [directory = ''] = mine()
  await judge.judge(c(SUM))
  assert.equal(readdirSync(`${tmpdir()}/${directory}`), [])
  await judge.close()
  assert.equal(mine(), [])
})

test.run()
