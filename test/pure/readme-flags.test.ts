// The README's table of clone flags is complete: it has a row for each flag of this system's <linux/sched.h>.
import { existsSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.js'

const HEADER = '/usr/include/linux/sched.h'
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

const test = suite('README, clone flags')

const header: () => string | undefined = () => (existsSync(HEADER) ? undefined : `needs ${HEADER}`)
const rows = new Map(
  [...README.matchAll(/^\| `(CSIGNAL|CLONE_\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$/gm)].map(
    ([, flag = '', status = '', where = '', why = '']) => [
      flag,
      { status: status.trim(), where: where.trim(), why: why.trim() },
    ],
  ),
)

test(
  'every flag of <linux/sched.h> has a row',
  () => {
    const flags = flagsOf(readFileSync(HEADER, 'utf8'))
    assert.ok(flags.length >= 28, `only ${flags.length} flags were found`)
    assert.equal(
      flags.filter((flag) => !rows.has(flag)),
      [],
    )
  },
  { needs: header },
)

test('every row says what is done with the flag, where, and why', () => {
  assert.ok(rows.size >= 28, `only ${rows.size} rows were found`)
  for (const [flag, { status, where, why }] of rows) {
    assert.match(status, /^(used|offered|refused|offered, used)$/, flag)
    assert.is(where === '', status === 'refused', `${flag}: where is for flags that are set`)
    assert.ok(why.length > 0, flag)
  }
})

test('flags that the sources set are no refused ones, and the others are', () => {
  const directory = new URL('../../binding/', import.meta.url)
  const files = ['spawner.cc', 'launch.cc', 'janitor.cc', 'id_map.cc', 'stock.cc', 'init/exec.c']
  const code = files.map((file) => withoutComments(readFileSync(new URL(file, directory), 'utf8'))).join('\n')
  for (const [flag, { status }] of rows) {
    // Namespaces come as one number from src/encode/wire.ts.
    const set = new RegExp(`\\b${flag}\\b`).test(code)
    if (set) assert.is.not(status, 'refused', `${flag} is set somewhere`)
    else assert.ok(/^CSIGNAL$|^CLONE_NEW/.test(flag) || status === 'refused', `${flag} is set nowhere`)
  }
})

test.run()

/** The flags that a header defines; CLONE_ARGS_SIZE_* are sizes of a structure. */
function flagsOf(text: string): string[] {
  const names = [...text.matchAll(/^#\s*define\s+(CSIGNAL|CLONE_\w+)\s/gm)].map(([, name = '']) => name)
  return names.filter((name) => !name.startsWith('CLONE_ARGS_SIZE_'))
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/\/\/.*$/gm, '')
}
