// The static programs that are started: those of the tests.
import { join } from 'node:path'
import { tinyRootfs } from '../test/support/probe.js'
import type { Programs } from './tasks.js'

export function buildPrograms(): Programs {
  const { path, remove } = tinyRootfs()
  process.once('exit', remove)
  return { rootfs: path, true: join(path, 'true') }
}
