// The programs that tests run inside sandboxes, compiled once per content of their source, and the smallest rootfs that
// can hold them. They are static: no sandbox needs a C library to run them.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/cofferdam/', import.meta.url))
const OPTIONS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-s']

/** The processor that the programs are for, and its compiler. */
const target = { arch: process.arch as string, compiler: 'cc' }

/** For a machine of another processor, which finds them in the cache. */
export function compileFixturesFor(arch: 'arm64'): void {
  Object.assign(target, { arch, compiler: 'aarch64-linux-gnu-gcc' })
}

/** The path of the probe: many small commands, see fixtures/probe/probe.h. */
export function probe(): string {
  return compile(
    'probe',
    ['main.c', 'identity.c', 'process.c', 'usage.c', 'files.c', 'special.c', 'reach.c', 'restrict.c', 'other.c'],
    ['-static', '-D_GNU_SOURCE', '-pthread'],
  )
}

/** The path of a program that does nothing, of a few kilobytes and without a C library: what spawning is measured with. */
export function staticTrue(): string {
  return compile('.', ['true.c'], ['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector'])
}

/** The path of a program of fixtures/seccomp. */
export function seccompFixture(
  source: 'caller.c' | 'timing.c' | 'under-listener.c',
  linkage: 'static' | 'dynamic',
): string {
  return compile('seccomp', [source], ['-D_GNU_SOURCE', '-pthread', ...(linkage === 'static' ? ['-static'] : [])])
}

/** The path of a program that executes another under a seccomp filter: see fixtures/outer-filter.c. */
export function outerFilter(): string {
  return compile('.', ['outer-filter.c'], ['-D_GNU_SOURCE'])
}

/** The path of the program that makes single system calls fail: see fixtures/faults.c. */
export function faultsProgram(): string {
  return compile('.', ['faults.c'], ['-D_GNU_SOURCE'])
}

/** The path of a program that executes another as if on an older kernel: see fixtures/old-kernel.c. */
export function oldKernel(): string {
  return compile('.', ['old-kernel.c'], ['-D_GNU_SOURCE'])
}

/** The path of a program whose first instructions fork. */
export function forkFirst(): string {
  return compile('.', ['fork-first.c'], ['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector'])
}

/** The path of the escape suite's program: an attack per name, see escape/attacks/attack.h. */
export function attackProgram(): string {
  const sources = ['main.c', 'files.c', 'mounts.c', 'processes.c', 'kernel.c', 'usage.c', 'ipc.c']
  return compile('../escape/attacks', sources, ['-static', '-D_GNU_SOURCE', '-pthread'])
}

export interface TinyRootfs {
  readonly path: string
  remove(): void
}

/** A directory with `/probe` and `/true` in it and nothing else; the caller removes it. */
export function tinyRootfs(): TinyRootfs {
  const path = mkdtempSync(join(tmpdir(), 'rootfs-'))
  chmodSync(path, 0o755)
  for (const [name, program] of Object.entries({ probe: probe(), true: staticTrue() })) {
    copyFileSync(program, join(path, name))
    chmodSync(join(path, name), 0o755)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Compiles sources of one directory, absolute or below the fixtures, and returns the program's path; headers beside them
 * count as sources for the key.
 */
export function compile(directory: string, sources: readonly string[], options: readonly string[]): string {
  const from = resolve(FIXTURES, directory)
  const headers = readdirSync(from).filter((name) => name.endsWith('.h'))
  const key = createHash('sha256').update([target.arch, ...OPTIONS, ...options].join(' '))
  for (const name of [...sources, ...headers]) key.update(name).update(readFileSync(join(from, name)))
  const output = join(CACHE, `${sources[0]}-${key.digest('hex').slice(0, 16)}`)
  if (existsSync(output)) return output

  mkdirSync(CACHE, { recursive: true })
  // Several test files may compile it at the same time.
  const unfinished = `${output}.${process.pid}`
  const command = [...OPTIONS, ...options, '-o', unfinished, ...sources]
  const { status, stderr, error } = spawnSync(target.compiler, command, { cwd: from, encoding: 'utf8' })
  if (status !== 0) throw new Error(`Fixtures do not compile: ${error?.message ?? stderr}`)
  renameSync(unfinished, output)
  return output
}
