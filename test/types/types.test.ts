// The compiler accepts and refuses what the files beside this one say (`@ts-expect-error` where it must refuse), and every
// example in the documentation compiles.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { blocksOf, DOCUMENTS } from '../support/markdown.js'
import { suite } from '../support/suite.js'
import { documentedExamples, EXPORTS } from '../support/tsdoc.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')

// Names that examples may use without saying where they come from.
const PRELUDE = `
import * as cofferdam from 'cofferdam'
import { readFile } from 'node:fs/promises'
declare const error: unknown
declare const box: cofferdam.Sandbox
declare const recipe: cofferdam.Sandbox
declare const child: cofferdam.SandboxProcess
declare const result: cofferdam.RunResult
declare const openBox: cofferdam.Box
declare const pool: cofferdam.SandboxPool
declare const inputs: readonly string[]
declare const file: string
`

const test = suite('types')

test(
  'the public types accept and refuse what test/types says',
  async () => {
    const { code, stdout } = await run(process.execPath, [TSC, '-p', join(ROOT, 'test/types')])
    assert.is(code, 0, stdout)
  },
  { timeoutMs: 120_000 },
)

test(
  'every documented example compiles',
  async (t) => {
    const examples = [...documentedExamples(), ...DOCUMENTS.flatMap(blocksOf)]
    assert.ok(examples.length > 20, `only ${examples.length} examples were found`)

    // Inside the package, so that 'cofferdam' means the package.
    const directory = join(ROOT, 'node_modules/.cache/cofferdam/examples')
    const project = join(ROOT, `tsconfig.examples-${process.pid}.json`)
    t.cleanUp(() => rmSync(directory, { recursive: true, force: true }))
    t.cleanUp(() => rmSync(project, { force: true }))
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    for (const [i, { origin, code }] of examples.entries()) {
      writeFileSync(join(directory, `example-${i}.ts`), `// ${origin}\n${asModule(code)}`)
    }
    writeFileSync(
      project,
      JSON.stringify({ extends: './tsconfig.json', include: [`${relative(ROOT, directory)}/*.ts`], exclude: [] }),
    )

    const { stdout } = await run(process.execPath, [TSC, '-p', project])
    const complaints = stdout.replaceAll(/\S*example-(\d+)\.ts/g, (_, i) => examples[Number(i)]?.origin ?? '')
    assert.is(complaints, '')
  },
  { timeoutMs: 120_000 },
)

test.run()

/** An example may leave out its imports: then it sees every export of the package, and the prelude. */
function asModule(code: string): string {
  if (/^import /m.test(code)) return code
  const names = [...new Set(code.match(/\b[A-Za-z]\w*\b/g))]
  const used = EXPORTS.filter((name) => names.includes(name))
  const imports = used.length > 0 ? `import { ${used.join(', ')} } from 'cofferdam'\n` : ''
  return `${PRELUDE}${imports}export async function example() {\n${code}\n}\n`
}
