// Compiles the measured processes to plain JavaScript, when that is not as new as its sources: a loader's thread and heap
// would make the baseline's fork dearer.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('..', import.meta.url))
const BUILD = join(BENCH, 'build')

export function buildWorkers(): void {
  const compiled = existsSync(join(BUILD, 'worker.js')) ? changedMs(BUILD, '.js') : []
  // Each must be as new as every source: a compiler that has failed leaves some behind.
  if (
    compiled.length > 0 &&
    Math.min(...compiled) >= Math.max(...changedMs(BENCH, '.ts'), ...changedMs(BENCH, '.json'))
  )
    return
  rmSync(BUILD, { recursive: true, force: true })
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))
  execFileSync(tsc, ['-p', join(BENCH, 'tsconfig.json')], { stdio: 'inherit' })
}

/** When the files with an ending were changed, but for those of `build` and `results` below the directory. */
function changedMs(directory: string, ending: string): number[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return ['build', 'results'].includes(entry.name) ? [] : changedMs(path, ending)
    return entry.name.endsWith(ending) ? [statSync(path).mtimeMs] : []
  })
}
