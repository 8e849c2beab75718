// npm run corpus, on a part of the corpus: its table and its exit code.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../../../test/support/command.js'
import { loadCorpus } from '../corpus/submissions.js'
import { confusionTable, isDiagonal } from '../corpus/table.js'
import { VERDICTS } from '../src/engine/verdict.js'
import { patientSuite } from './patient.js'

const test = patientSuite('judge: the corpus')
const MAIN = fileURLToPath(new URL('../corpus/main.ts', import.meta.url))

test('it has at least 40 hostile or wrong submissions, and some for every verdict', async () => {
  const corpus = await loadCorpus(fileURLToPath(new URL('../corpus/submissions', import.meta.url)))
  for (const verdict of VERDICTS)
    assert.ok(
      corpus.some(({ expected }) => expected === verdict),
      verdict,
    )
  assert.ok(corpus.filter(({ expected }) => expected !== 'AC').length >= 40)
  assert.ok(new Set(corpus.filter(({ expected }) => expected === 'AC').map(({ problem }) => problem)).size >= 12)
})

test('the table counts what was expected against what was received', () => {
  const judged = [
    { expected: 'AC', received: 'AC' },
    { expected: 'WA', received: 'TLE' },
  ] as const
  assert.match(confusionTable(judged), /^must \\ is +AC +WA[^\n]+\nAC +1[ .]+\nWA +\. +\. +\. +1 /)
  assert.ok(isDiagonal(judged.slice(0, 1)))
  assert.not(isDiagonal(judged))
})

test('a part of it is judged, with a line for each and the exit code 0', async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['--import', 'tsx', MAIN, '--jobs', '2', 'palindrome/'])
  assert.is(code, 0, stdout + stderr)
  assert.match(stdout, /\/4 ✔ palindrome\/WA-with-case\.py: WA/)
  assert.match(stdout, '4 of 4 verdicts are what they must be')
})

test('a verdict that is not the one it must be is shown off the diagonal, with the exit code 1', async (t) => {
  const directory = t.tempDir()
  mkdirSync(join(directory, 'sum'))
  writeFileSync(join(directory, 'sum/AC-wrong.py'), 'print(5)\n')
  const { code, stdout } = await run(process.execPath, ['--import', 'tsx', MAIN, '--submissions', directory])
  assert.is(code, 1, stdout)
  assert.match(stdout, /✖ sum\/AC-wrong\.py: WA/)
  assert.match(stdout, /^AC +\. +1 /m)
  assert.match(stdout, '0 of 1 verdicts are what they must be')
})

test('nothing judged is no success, and a bad option is refused', async () => {
  const none = await run(process.execPath, ['--import', 'tsx', MAIN, 'no-such-submission'])
  assert.is(none.code, 1)
  const bad = await run(process.execPath, ['--import', 'tsx', MAIN, '--jobs', 'many'])
  assert.is(bad.code, 2)
  assert.match(bad.stderr, 'Expected --jobs to be a whole number from 1 on, received many.')
})

test.run()
