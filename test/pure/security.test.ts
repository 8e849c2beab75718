// SECURITY.md and the escape suite say the same: its table has a row for every attack, with its wall and its test file.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ATTACKS } from '../escape/attacks.js'
import { suite } from '../support/suite.js'

const test = suite('SECURITY.md')

const ROOT = new URL('../../', import.meta.url)
const SECURITY = readFileSync(new URL('SECURITY.md', ROOT), 'utf8')
const rows = [...SECURITY.matchAll(/^\| (.+) \| (.+) \| \[(\w+)\]\((test\/escape\/\w+\.test\.ts)\) \|$/gm)]

test('its table is that of the escape suite, row by row', () => {
  const suiteRows = Object.entries(ATTACKS).flatMap(([topic, attacks]) =>
    attacks.map(({ name, wall }) => [name, wall, topic, `test/escape/${topic}.test.ts`]),
  )
  assert.ok(suiteRows.length >= 60, `only ${suiteRows.length} attacks`)
  assert.equal(
    rows.map(([, ...cells]) => cells),
    suiteRows,
  )
})

test('each topic has a test file that runs it, and no attack is without an expectation or named twice', () => {
  const names = new Set<string>()
  for (const [topic, attacks] of Object.entries(ATTACKS)) {
    const file = readFileSync(new URL(`test/escape/${topic}.test.ts`, ROOT), 'utf8')
    assert.match(file, `runAttacks('${topic}', ${topic.toUpperCase()})`)
    for (const { name, expect } of attacks) {
      assert.not(names.has(name), name)
      names.add(name)
      assert.ok(expect.default !== undefined && expect.strict !== undefined, `${name}: both recipes are tried`)
    }
  }
})

test('every program of the suite is used by an attack, so that none is forgotten', () => {
  const from = new URL('test/escape/attacks/', ROOT)
  const programs = readdirSync(from)
    .filter((name) => name.endsWith('.c'))
    .flatMap((name) => [...readFileSync(new URL(name, from), 'utf8').matchAll(/^ {4}\{"([\w-]+)", \d, \w+\},$/gm)])
    .map(([, program = '']) => program)
  const tables = new URL('test/escape/table/', ROOT)
  const used = readdirSync(tables)
    .map((name) => readFileSync(new URL(name, tables), 'utf8'))
    .join('\n')
  assert.ok(programs.length >= 50, `only ${programs.length} programs`)
  assert.equal(
    // The first is what `set-uid` executes; others clean up after theirs, by a name that is put together.
    programs.filter(
      (program) => program !== 'who-am-i' && !new RegExp(`['\`]${program.replace('remove-', '')}\\b`).test(used),
    ),
    [],
  )
})

test('the CVEs that it promises are all there', () => {
  const promised = [
    ...['2019-5736', '2024-21626', '2025-31133', '2025-52565', '2025-52881', '2021-30465', '2017-5226', '2019-10063'],
    ...['2022-0492', '2022-27650', '2024-28185', '2024-28189'],
  ]
  const names = Object.values(ATTACKS).flatMap((attacks) => attacks.map(({ name }) => name))
  for (const cve of promised)
    assert.ok(
      names.some((name) => name.includes(`CVE-${cve}`)),
      cve,
    )
})

test('its links lead somewhere', () => {
  for (const [, path = ''] of SECURITY.matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)) {
    assert.ok(existsSync(new URL(path, ROOT)), path)
  }
})

test.run()
