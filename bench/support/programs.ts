// The programs that are started: static ones of a few kilobytes, in a temporary directory of the benchmark's own.
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, tinyRootfs } from '../../test/support/probe.js'
import type { Programs } from './types.js'

const SOURCES = fileURLToPath(new URL('../programs/', import.meta.url))
const BARE = ['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector']

/** Compiles what is not compiled yet, into the cache of test/support/probe.ts. */
export function compilePrograms(): { readonly hello: string; readonly floor: string } {
  return { hello: compile(SOURCES, ['hello.c'], BARE), floor: compile(SOURCES, ['floor.c'], ['-D_GNU_SOURCE']) }
}

/** What else turns up in that directory, which the workers inherit, has been left there by a sandbox. */
export function buildPrograms(): Programs {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  // Their default action would pass by what is above.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  chmodSync(directory, 0o755) // the root directory below it is an unprivileged user's
  process.env.TMPDIR = directory

  const { path } = tinyRootfs()
  const { hello, floor } = compilePrograms()
  copyFileSync(hello, join(path, 'hello'))
  chmodSync(join(path, 'hello'), 0o755)
  return { rootfs: path, true: join(path, 'true'), hello: join(path, 'hello'), floor }
}
