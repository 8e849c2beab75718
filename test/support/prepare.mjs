// Makes a checkout ready to run: dependencies, native addon, compiled TypeScript; only what is missing or older than its
// sources. `npm test`, `npm run demo` and `npm run bench` each start with it, so each works as the first and only command
// on a fresh clone. Plain Node: it runs before anything is installed.
//
// Where the addon lives: node-gyp builds beside its binding.gyp, so a compiled addon is binding/build/Release/*.node;
// prebuilt ones are prebuilds/<platform>-<arch>/*.node (binding/prebuild). node-gyp-build looks for both below *one*
// directory: src/binding.ts therefore asks it for binding/ first and for the package's root second.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

if (!dependenciesMatch()) {
  // The root package's own install script compiles the addon; that is the next step's business.
  run('installing dependencies', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
}
if (!nativeIsFresh()) run('compiling the addon', 'npm', ['run', '--silent', 'build:native'])
if (!distIsFresh()) {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('compiling TypeScript', 'npm', ['run', '--silent', 'build:ts'])
}

/** Whether node_modules holds exactly the versions that the lockfile asks for. */
function dependenciesMatch() {
  const wanted = packagesIn('package-lock.json')
  const installed = packagesIn('node_modules/.package-lock.json')
  if (!wanted || !installed) return false
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || installed[path]?.version === version || optional,
  )
}

function packagesIn(lockfile) {
  const path = join(root, lockfile)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined
}

function nativeIsFresh() {
  const addons = files('binding/build/Release').filter((file) => /^[^/]*\.node$/.test(file.below))
  return addons.length > 0 && oldest(addons) >= newest(files('binding', /^(build|prebuild)\/|^install\.mjs$/))
}

function distIsFresh() {
  const sources = files('src')
  const compiled = files('dist').filter((file) => file.below.endsWith('.js'))
  const expected = sources.map((file) => file.below.replace(/\.ts$/, '.js')).sort()
  const found = compiled.map((file) => file.below).sort()
  if (expected.length === 0 || expected.join() !== found.join()) return false
  return oldest(compiled) >= Math.max(newest(sources), newest(files('.', /^(?!tsconfig.*\.json$)/, false)))
}

/** Every file of a directory as its path below it and its time of change; `skip` is matched against that path. */
function files(directory, skip, recursive = true) {
  const top = join(root, directory)
  if (!existsSync(top)) return []
  return readdirSync(top, { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => ({ path, below: path.slice(top.length).replace(/^\//, '') }))
    .filter(({ below }) => !skip?.test(below))
    .map((file) => ({ ...file, changedMs: statSync(file.path).mtimeMs }))
}

function oldest(list) {
  return Math.min(...list.map((file) => file.changedMs))
}

function newest(list) {
  return Math.max(...list.map((file) => file.changedMs))
}

function run(what, command, args) {
  const startedMs = performance.now()
  process.stderr.write(`cofferdam: ${what} ...\n`)
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
    process.stderr.write(`cofferdam: ${what} failed: ${error?.message ?? signal ?? `exit code ${status}`}\n`)
    process.exit(1)
  }
  process.stderr.write(`cofferdam: ${what}: done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
}
