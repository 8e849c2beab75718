// Fills prebuilds/ with one addon for each platform, and checks them:
//   npm run prebuild                       both
//   npm run prebuild -- linux-x64          this one
//   npm run prebuild -- --twice            each a second time, from a copy elsewhere: the same bytes
//   npm run prebuild -- --stale            only those that are missing or older than their sources
//   npm run prebuild -- --check            only checks what is there
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildAddon } from './build.js'
import { muslSymbols, problemsOf } from './check.js'
import { TARGETS, type Target } from './target.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(ROOT, 'binding')
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { twice: { type: 'boolean' }, stale: { type: 'boolean' }, check: { type: 'boolean' } },
})

const scratch = mkdtempSync(join(tmpdir(), 'cofferdam-prebuild-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

let failed = false
for (const target of chosen()) {
  const output = join(ROOT, 'prebuilds', target.name, 'cofferdam.node')
  if (!flags.check && !(flags.stale && isFresh(output))) {
    // A file of another name would be chosen by other tags of it.
    rmSync(join(output, '..'), { recursive: true, force: true })
    await buildAddon(target, SOURCES, join(scratch, target.name), output)
  }
  const problems = existsSync(output) ? problemsOf(output, target) : ['it is missing']
  if (flags.twice && problems.length === 0) problems.push(...(await differences(target, output)))
  const facts = problems.length === 0 ? `${statSync(output).size} bytes, sha256 ${sha256(output)}` : 'FAILED'
  console.log(`prebuilds/${target.name}/cofferdam.node: ${facts}`)
  for (const problem of problems) console.log(`  ${problem}`)
  failed ||= problems.length > 0
}
if (muslSymbols() === undefined) console.log('Not checked: whether musl has all symbols (apt-get install musl-tools)')
process.exitCode = failed ? 1 : 0

function chosen(): readonly Target[] {
  const unknown = positionals.find((name) => !TARGETS.some((target) => target.name === name))
  if (unknown !== undefined)
    throw new Error(`Expected one of ${TARGETS.map(({ name }) => name).join(', ')}, received ${unknown}`)
  return positionals.length === 0 ? TARGETS : TARGETS.filter(({ name }) => positionals.includes(name))
}

function isFresh(output: string): boolean {
  if (!existsSync(output)) return false
  const newest = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(SOURCES, 'build/')))
    .map((path) => statSync(path).mtimeMs)
  return statSync(output).mtimeMs >= Math.max(...newest)
}

/** Built again from a copy of the sources, whose path has another length, with other scratch files. */
async function differences(target: Target, output: string): Promise<string[]> {
  const copy = join(scratch, 'the/same/sources/elsewhere')
  cpSync(SOURCES, copy, { recursive: true, filter: (path) => path !== join(SOURCES, 'build') })
  const again = join(scratch, 'again', target.name, 'cofferdam.node')
  await buildAddon(target, copy, join(scratch, 'another', target.name), again)
  return sha256(again) === sha256(output) ? [] : [`built again it is another file: sha256 ${sha256(again)}`]
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
