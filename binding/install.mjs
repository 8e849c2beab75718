// What `npm install` runs. Where no shipped addon loads, it compiles one, or says exactly what that takes. Plain Node: of a
// package that is being installed nothing else can be relied on.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { platform } from 'node:process'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** What compiling needs: its name, and how to find out whether it is there. */
const TOOLS = [
  ['a C compiler', () => runs(process.env.CC ?? 'cc', '--version')],
  ['a C++ compiler', () => runs(process.env.CXX ?? 'g++', '--version')],
  ['make', () => runs(process.env.MAKE ?? 'make', '--version')],
  [
    'Python 3',
    () =>
      ['PYTHON', 'npm_config_python'].some((name) => process.env[name]) ||
      runs('python3', '--version') ||
      runs('python', '--version'),
  ],
  // npm, pnpm and yarn have it on the PATH of scripts.
  ['node-gyp', () => runs('node-gyp', '--version')],
]

/** How each family of distributions installs all of that, by ID and ID_LIKE of /etc/os-release. */
const REMEDIES = {
  debian: 'apt-get install -y g++ make python3',
  alpine: 'apk add g++ make python3 linux-headers',
  fedora: 'dnf install -y gcc-c++ make python3',
  suse: 'zypper install -y gcc-c++ make python3',
  arch: 'pacman -S --needed gcc make python',
}

const NAMES = { debian: 'Debian, Ubuntu', alpine: 'Alpine', fedora: 'Fedora, RHEL', suse: 'openSUSE', arch: 'Arch' }

if (platform !== 'linux') {
  fail(`cofferdam runs on Linux; this is ${platform}.`, 'Use it in a Linux virtual machine or container.')
}
const problem = shippedAddonProblem()
if (problem === undefined) process.exit(0)
const missing = TOOLS.filter(([, isThere]) => !isThere()).map(([name]) => name)
if (missing.length > 0) {
  fail(
    `No prebuilt addon of cofferdam loads on this machine (${problem}), and it cannot be compiled: ${list(missing)} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    remedies(missing),
  )
}
// Its output says what it does, and what the compiler says.
const { status, error } = spawnSync('node-gyp', ['rebuild', '--directory=binding', '--jobs=max'], {
  cwd: PACKAGE,
  stdio: 'inherit',
})
if (status !== 0) {
  fail(
    `No prebuilt addon of cofferdam loads on this machine (${problem}), and compiling it failed${error ? `: ${error.message}` : '; the reason is above'}.`,
    `It takes a compiler of C++17 and the headers of Linux 5.4 or newer.\n${remedies([])}`,
  )
}

/** Why none loads; `undefined` when one does. */
function shippedAddonProblem() {
  // Of node-gyp-build, as src/binding.ts loads it; npm, pnpm and yarn have it on the PATH of scripts.
  const { status, error, stderr } = spawnSync('node-gyp-build-test', { cwd: PACKAGE, encoding: 'utf8' })
  if (status === 0) return undefined
  return error?.message ?? /^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? `exit code ${status}`
}

function runs(file, argument) {
  return spawnSync(file, [argument], { stdio: 'ignore' }).status === 0
}

function list(names) {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** The line for this distribution, or those for all where it is none of them. */
function remedies(missing) {
  const lines = []
  const family = distribution()
  if (missing.join() !== 'node-gyp') {
    const shown = family ? [family] : Object.keys(REMEDIES)
    lines.push('Install what it takes, as root, and then install cofferdam again:')
    lines.push(...shown.map((name) => `  ${REMEDIES[name]}${family ? '' : `    # ${NAMES[name]}`}`))
  }
  if (missing.includes('node-gyp')) lines.push('node-gyp comes with npm; elsewhere: npm install --global node-gyp')
  return lines.join('\n')
}

function distribution() {
  try {
    const text = readFileSync('/etc/os-release', 'utf8')
    const values = [...text.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap(([, value]) => value.split(' '))
    return values.map((value) => value.replace(/^.*suse.*$/, 'suse')).find((value) => Object.hasOwn(REMEDIES, value))
  } catch {
    return undefined
  }
}

function fail(problem, remedy) {
  console.error(`\ncofferdam: ${problem}\n${remedy}\n`)
  process.exit(1)
}
