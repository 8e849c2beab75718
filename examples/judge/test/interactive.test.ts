// Interactive runs: whose doing the end was.
import * as assert from 'uvu/assert'
import type { TestContext } from '../../../test/support/suite.js'
import { Judge, type Judgement } from '../src/engine/judge.js'
import { loadLanguages } from '../src/engine/languages.js'
import type { ProblemLimits } from '../src/engine/problem.js'
import { patientSuite } from './patient.js'

const test = patientSuite('judge: interactive', { warmUp: true })
const LANGUAGES = await loadLanguages(new URL('../languages.json', import.meta.url))
const MIB = 2 ** 20
const LIMITS: ProblemLimits = {
  cpuTimeMs: 1000,
  wallTimeMs: 10_000,
  memoryBytes: 64 * MIB,
  outputBytes: MIB,
  stackBytes: 8 * MIB,
}
const HEAD = '#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(int argc, char **argv) {'

/** Both in C, given by their bodies. */
async function play(t: TestContext, interactor: string, program: string, limits = LIMITS): Promise<Judgement> {
  const bytes = (text: string) => () => Promise.resolve(Buffer.from(text))
  const source = (body: string) => `${HEAD} char word[100] = ""; ${body} }\n`
  const judge = new Judge(
    new Map([
      [
        'p',
        {
          id: 'p',
          title: 'P',
          statement: '',
          limits,
          checker: { type: 'interactive', program: { language: 'c', source: source(interactor), limits: LIMITS } },
          tests: [{ name: '1', input: bytes('secret'), answer: bytes('') }],
        },
      ],
    ]),
    LANGUAGES,
  )
  t.cleanUp(() => judge.close())
  return judge.judge({ problem: 'p', language: 'c', source: source(program), tests: 'first' })
}

const ASK = 'puts("hello"); fflush(stdout); if (scanf("%99s", word) != 1) return 1;'

test('the word of the interactor is the verdict when both end well', async (t) => {
  const greet = 'if (scanf("%99s", word) == 1) puts("you"); fputs(word, stderr);'
  const right = await play(t, `${greet} return 0;`, ASK)
  assert.equal([right.verdict, right.tests[0]?.explanation], ['AC', 'hello'])
  const wrong = await play(t, `${greet} return 1;`, ASK)
  assert.equal([wrong.verdict, wrong.explanation], ['WA', 'Test 1: hello'])
  assert.is((await play(t, `${greet} return 2;`, ASK)).verdict, 'PE')
})

test('the interactor has the input, and the program has it not', async (t) => {
  const says = 'FILE *f = fopen(argv[1], "r"); fscanf(f, "%99s", word); puts(word); fflush(stdout);'
  const { verdict, explanation } = await play(
    t,
    `${says} return 0;`,
    'scanf("%s", word); return word[0] != 115 || argc != 1;',
  )
  assert.is(verdict, 'AC', explanation)
})

test('a program that crashes is a run-time error, although the interactor calls it a missing answer', async (t) => {
  const patient = 'while (scanf("%99s", word) == 1) {} return 1;'
  for (const end of ['abort();', 'return 3;']) {
    assert.is((await play(t, patient, `puts("5"); fflush(stdout); ${end}`)).verdict, 'RE', end)
  }
})

test('a program that fails only because the interactor has turned it down is wrong', async (t) => {
  for (const end of ['abort();', 'return 3;', 'for (;;) {}', 'for (;;) puts("x");']) {
    const { verdict, explanation } = await play(
      t,
      'scanf("%99s", word); return 1;',
      `${ASK.replace('return 1', end)} ${end}`,
    )
    assert.is(verdict, 'WA', `${end} ${explanation}`)
  }
})

test('a program that is right has still to end well', async (t) => {
  const content = 'scanf("%99s", word); return 0;'
  const say = 'puts("hello"); fflush(stdout);'
  assert.is((await play(t, content, `${say} return 3;`)).verdict, 'RE')
  assert.is((await play(t, content, `${say} for (;;) {}`)).verdict, 'TLE')
  assert.is(
    (await play(t, content, `${say} for (int i = 0; i < 100000; i++) puts("more than asked for"); return 0;`)).verdict,
    'OLE',
  )
  assert.is((await play(t, content, `${say} for (int i = 0; i < 100; i++) puts("more"); return 0;`)).verdict, 'AC')
})

test('two that wait for each other are the program running out of time', async (t) => {
  const { verdict, explanation } = await play(t, 'scanf("%99s", word); return 1;', 'scanf("%99s", word);', {
    ...LIMITS,
    wallTimeMs: 2000,
  })
  assert.is(verdict, 'TLE')
  assert.match(explanation, /wall time limit/)
})

test('an interactor that crashes, loops or says nothing meaningful is our fault', async (t) => {
  for (const end of ['abort();', 'for (;;) {}', 'return 42;']) {
    for (const program of [ASK, 'return 0;', 'for (;;) pause();']) {
      const { verdict, explanation } = await play(t, end, program, { ...LIMITS, wallTimeMs: 4000 })
      assert.is(verdict, 'SE', `${end} ${program} ${explanation}`)
    }
  }
})

test('what is closed is told although its process goes on, and a megabyte passes in each direction', async (t) => {
  const echo = 'for (int c; (c = getchar()) != EOF;) putchar(c); return 0;'
  const talk =
    'if (fork() == 0) { for (int i = 0; i < 100000; i++) puts("12345678"); return 0; } ' +
    'close(1); long n = 0; while (n < 900000 && getchar() != EOF) n++; return n != 900000;'
  const { verdict, explanation } = await play(t, echo, talk)
  assert.is(verdict, 'AC', explanation)
})

test.run()
