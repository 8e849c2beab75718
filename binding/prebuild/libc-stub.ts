// A C library to link against, of which nothing but the names is there: each symbol at the newest version that is not newer
// than GLIBC of target.ts. A linker takes the newest that the building machine has, which would tie the addon to that
// machine's glibc: pthread_create is one of 2.34 there, although that of 2.2.5 is the same function.
//
// Everything is in libc.so.6, also what glibc before 2.34 has in libpthread.so.0 and what is in its dynamic linker: Node
// needs both, and glibc looks a symbol up by name and version in all that is loaded. musl takes the name libc.so.6 for
// itself, and ignores versions.
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GLIBC, type Target, tool } from './target.js'

interface Symbol {
  readonly name: string
  readonly version: string
  readonly type: 'function' | 'object'
}

/** Writes DIRECTORY/libc.so.6; answers its path. */
export function writeLibcStub(target: Target, directory: string): string {
  const symbols = glibcSymbols(target)
  const versions = [...new Set(symbols.map(({ version }) => version))].sort(compareVersions)
  const nodes = versions.map((version, index) => {
    const names = symbols.filter((symbol) => symbol.version === version).map(({ name }) => `${name};`)
    return `${version} { global: ${names.join(' ')}${index === 0 ? ' local: *;' : ''} } ${versions[index - 1] ?? ''};\n`
  })
  const definitions = symbols.map(({ name, type }) => `.globl ${name}\n.type ${name}, %${type}\n${name}: .quad 0\n`)

  const source = join(directory, 'libc.s')
  const map = join(directory, 'libc.map')
  const library = join(directory, 'libc.so.6')
  writeFileSync(source, `.text\n${definitions.join('')}`)
  writeFileSync(map, nodes.join(''))
  const options = [
    '-nostdlib',
    '-shared',
    '-Wl,-soname,libc.so.6',
    `-Wl,--version-script=${map}`,
    '-o',
    library,
    source,
  ]
  execFileSync(tool(target, 'gcc'), options, { stdio: 'inherit' })
  return library
}

/** What the building machine's glibc had in time, each at the version to ask for. */
function glibcSymbols(target: Target): Symbol[] {
  const chosen = new Map<string, Symbol>()
  for (const library of glibcFiles(target)) {
    const options = ['--dynamic', '--defined-only', '--with-symbol-versions', '--format=posix', library]
    const text = execFileSync(tool(target, 'nm'), options, { encoding: 'utf8', maxBuffer: 1 << 26 })
    for (const line of text.split('\n')) {
      // Versions themselves are absolute symbols (A).
      const [, name, version, kind] = /^(\S+?)@@?(GLIBC_[\d.]+) ([B-Zi]) /.exec(line) ?? []
      if (name === undefined || version === undefined || isTooNew(version)) continue
      const best = chosen.get(name)
      if (best !== undefined && compareVersions(version, best.version) < 0) continue
      chosen.set(name, { name, version, type: /[TWi]/.test(kind ?? '') ? 'function' : 'object' })
    }
  }
  if (chosen.size === 0) throw new Error(`nm found no symbol in the C library for ${target.name}`)
  return [...chosen.values()]
}

/** libc.so.6 and the dynamic linker, which the compiler knows where to find. */
function glibcFiles(target: Target): string[] {
  const libc = execFileSync(tool(target, 'gcc'), ['-print-file-name=libc.so.6'], { encoding: 'utf8' }).trim()
  const directory = join(libc, '..')
  const linker = readdirSync(directory).find((name) => /^ld-linux-.*\.so\.\d+$/.test(name))
  if (!libc.includes('/') || linker === undefined)
    throw new Error(`No glibc was found for ${target.name}: install libc6-dev (libc6-dev-arm64-cross for arm64)`)
  return [libc, join(directory, linker)]
}

/** Of GLIBC_2.28 and the like. */
export function isTooNew(version: string): boolean {
  return compareVersions(version, `GLIBC_${GLIBC.join('.')}`) > 0
}

export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.replace(/^\D+/, '').split('.').map(Number)) as [number[], number[]]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
