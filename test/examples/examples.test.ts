// Every example runs, ends well and prints what its head comment says, on stdout and nothing but that.
import { readdirSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { controller } from '../support/host.js'
import { suite } from '../support/suite.js'
import { EXAMPLES, runProgram } from './run-program.js'

const test = suite('examples')

const needs: Record<string, ReturnType<typeof controller>[]> = {
  'limits.ts': [controller('memory'), controller('pids')],
}

for (const name of readdirSync(EXAMPLES).filter((entry) => entry.endsWith('.ts'))) {
  const body = async (t: Parameters<typeof runProgram>[1]) => {
    const { stdout, stderr, exitCode } = await runProgram(`${EXAMPLES}/${name}`, t)
    assert.is(exitCode, 0, stderr)
    assert.is(stdout, promisedOutput(readFileSync(`${EXAMPLES}/${name}`, 'utf8')))
  }
  test(`${name} prints what it promises`, body, { needs: needs[name] ?? [], timeoutMs: 60_000 })
}

test('the index names every example', () => {
  const index = readFileSync(`${EXAMPLES}/README.md`, 'utf8')
  for (const name of readdirSync(EXAMPLES)) {
    if (name !== 'README.md') assert.match(index, `](${name}`)
  }
})

test.run()

/** The indented lines below "Prints:". */
function promisedOutput(source: string): string {
  const [, lines = ''] = /^\/\/ Prints:\n((?:\/\/ {3}.*\n)+)/m.exec(source) ?? []
  return lines.replaceAll(/^\/\/ {3}/gm, '')
}
