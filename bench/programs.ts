// The static programs that are started, those of the tests, in a temporary directory of the benchmark's own.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tinyRootfs } from '../test/support/probe.js'
import type { Programs } from './tasks.js'

/** What else turns up in that directory, which the workers inherit, has been left there by a sandbox. */
export function buildPrograms(): Programs {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755) // the root directory below it is an unprivileged user's
  process.env.TMPDIR = directory

  const { path } = tinyRootfs()
  return { rootfs: path, true: join(path, 'true') }
}
