// docs/troubleshooting.md is complete: it has a row for each code of src/errors.ts and for each step of src/steps.ts, in
// their order, no row for what does not exist, and the errors of a step for which setup-hints.ts has a hint.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import * as assert from 'uvu/assert'
import { hintFor } from '../../src/setup-hints.js'
import { STEPS } from '../../src/steps.js'
import { readDocument } from '../support/markdown.js'
import { suite } from '../support/suite.js'

const PAGE = readDocument('docs/troubleshooting.md')
const ERRORS = readFileSync(new URL('../../src/errors.ts', import.meta.url), 'utf8')
// Thrown by validate.ts, as code of TypeErrors and RangeErrors.
const OPTION = 'ERR_SANDBOX_INVALID_OPTION'

// Of any step in the Node process; said above the tables.
const ANYWHERE = ['EMFILE', 'ENFILE']

const test = suite('docs/troubleshooting.md')

test('every error code has a row, and every row a code', () => {
  const declared = /export type SandboxErrorCode =\n((?: {2}\| '\w+'\n)+)/.exec(ERRORS)?.[1] ?? ''
  const codes = [...declared.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  assert.ok(codes.length >= 11, `only ${codes.length} codes were found`)
  const rows = [...PAGE.matchAll(/^\| `(ERR_\w+)` \|/gm)].map(([, code]) => code)
  assert.equal(rows, [OPTION, ...codes])
  const reference = readDocument('docs/reference.md')
  for (const code of rows) assert.match(reference, `\`${code}\``, 'the reference has it, too')
})

test('every step has a row, in the order in which they happen, and every row is of a step', () => {
  const steps = setupRows().map(([step]) => step)
  assert.equal(
    steps.filter((step) => step !== ''),
    [...STEPS],
  )
})

test('every row of a step names errors that exist, and a cause', () => {
  const rows = setupRows()
  assert.ok(rows.length > STEPS.length, `only ${rows.length} rows`)
  for (const [step, codes = '', cause = ''] of rows) {
    const names = [...codes.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
    for (const name of names) assert.ok(name in constants.errno, `${step}: ${name} is no error of this system`)
    assert.ok(names.length > 0 || codes === 'the same', `${step}: no code in '${codes}'`)
    assert.ok(cause.length > 0, `${step}: ${codes} has no cause`)
  }
})

test('every error of a step that has a hint is in a row of that step', () => {
  const rows = codesByStep()
  const hinted = STEPS.flatMap((step) =>
    Object.keys(constants.errno)
      .filter((code) => !ANYWHERE.includes(code) && hintFor(step, code) !== undefined)
      .map((code) => [step, code] as const),
  )
  assert.ok(hinted.length > 60, `only ${hinted.length} errors have a hint`)
  assert.equal(
    hinted.filter(([step, code]) => !rows.get(step)?.has(code)).map((pair) => pair.join(' ')),
    [],
  )
  for (const code of ANYWHERE) assert.match(PAGE, `\`${code}\``)
})

test.run()

/** The codes that the rows of each step name, with those that "the same" stands for. */
function codesByStep(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  let before = new Set<string>()
  let here = before
  for (const [step = '', codes = ''] of setupRows()) {
    if (step !== '') {
      before = here
      here = new Set()
      found.set(step, here)
    }
    for (const code of codes === 'the same' ? before : (codes.match(/\w+/g) ?? [])) here.add(code)
  }
  return found
}

/** Step (empty in a row that goes on), codes, cause, remedy of each row below "Setup, by step". */
function setupRows(): string[][] {
  const part = PAGE.split('\n## ').find((section) => section.startsWith('Setup, by step')) ?? ''
  const rows = [...part.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
  return rows
    .filter(([first = '']) => first === '' || first.startsWith('`'))
    .map(([first = '', ...cells]) => [first.replaceAll('`', ''), ...cells])
}
