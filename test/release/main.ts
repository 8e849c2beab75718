// Whether this checkout may be published: all that CI checks of a release, and what only a release has.
//   npm run release:check                                everything; the suite needs root
//   npm run release:check -- --only facts,tarball        these
//   npm run release:check -- --skip suite                all but these
// Ends with 1 when anything has failed, after all of it has been tried.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { problemsOfRelease } from './facts.js'
import { problemsOfTarball } from './tarball.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** In this order: later ones use what earlier ones have built. Each answers its problems. */
const CHECKS: Readonly<Record<string, () => string[]>> = {
  facts: () => problemsOfRelease(facts()),
  build: () => npm('run', 'build:all'),
  lint: () => npm('run', '--silent', 'lint'),
  types: () => npm('run', '--silent', 'typecheck'),
  suite: () => npm('test'),
  // Each twice, the same bytes; and no symbol newer than glibc 2.28, hardened, small.
  prebuild: () => npm('run', '--silent', 'prebuild', '--', '--twice'),
  tarball: () => tarball(),
  // From the tarball, also without a compiler, on each Node, in each tool.
  install: () => npm('run', '--silent', 'test:consumers'),
}

const { values: flags } = parseArgs({ options: { only: { type: 'string' }, skip: { type: 'string' } } })
const failures: string[] = []
for (const name of chosen()) {
  console.log(`\n=== ${name}`)
  const problems = CHECKS[name]?.() ?? []
  for (const problem of problems) console.log(`  ${problem}`)
  console.log(`--- ${name}: ${problems.length === 0 ? 'passed' : 'FAILED'}`)
  failures.push(...problems.map((problem) => `${name}: ${problem}`))
}
if (failures.length > 0) console.log(`\nThis must not be released:\n${failures.map((line) => `  ${line}`).join('\n')}`)
else console.log('\nThis may be released.')
process.exitCode = failures.length > 0 ? 1 : 0

function chosen(): string[] {
  const names = Object.keys(CHECKS)
  const listed = (text: string | undefined) => text?.split(',').filter(Boolean)
  const [only, skip] = [listed(flags.only), listed(flags.skip)]
  const unknown = [...(only ?? []), ...(skip ?? [])].find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`Expected some of ${names.join(', ')}, received ${unknown}`)
  return names.filter((name) => (only?.includes(name) ?? true) && !skip?.includes(name))
}

function npm(...args: string[]): string[] {
  const { status, signal, error } = spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit' })
  return status === 0 ? [] : [`npm ${args.join(' ')}: ${error?.message ?? signal ?? `exit code ${status}`}`]
}

function tarball(): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'cofferdam-release-'))
  try {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]
    const parsed = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 }))
    // An array until npm 11, an object keyed by package name since.
    const [report] = Array.isArray(parsed) ? parsed : Object.values(parsed)
    console.log(
      `${report.filename}: ${report.files.length} files, ${report.size} bytes, unpacked ${report.unpackedSize}`,
    )
    const file = join(directory, report.filename)
    return [
      ...problemsOfTarball(report),
      ...npm('exec', '--no', '--', 'publint', 'run', file, '--strict'),
      ...npm('exec', '--no', '--', 'attw', file, '--profile', 'esm-only', '--no-emoji'),
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function facts(): Parameters<typeof problemsOfRelease>[0] {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })
  return {
    package: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')),
    changelog: readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'),
    changesets: readdirSync(join(ROOT, '.changeset')),
    tags: git('tag', '--list').split('\n'),
    status: git('status', '--porcelain'),
  }
}
