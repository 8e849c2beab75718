// The checkout's TypeScript as JavaScript, for a guest that is emulated: there tsx takes five times as long to load as Node
// does, once for each test file, and its compiler (esbuild) runs in the emulator too. So everything is compiled here, and
// session.sh mounts the result over the directories: each file beside the one that it comes from, so that no path changes.
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { output } from './host-tools.js'

/** What test files import from without a build step; session.sh mounts each that is there. */
const DIRECTORIES = ['src', 'test', 'examples', 'bench']

/** Puts copies of the directories, sources and all, into `target`, with a compiled file beside each source. */
export function compileInto(target: string, checkout: string): void {
  for (const name of DIRECTORIES) {
    // With their times, by which the benchmark knows that what it has built is not stale.
    const filter = (path: string) => basename(path) !== 'node_modules'
    const options = { recursive: true, preserveTimestamps: true, filter }
    cpSync(join(checkout, name), join(target, name), options)
  }
  const compiler = join(checkout, 'node_modules/typescript/bin/tsc')
  // Types are `npm run typecheck`'s business.
  const flags = ['--noEmit', 'false', '--noCheck', '--rootDir', '.', '--outDir', target]
  output(process.execPath, [compiler, '-p', 'tsconfig.json', ...flags], { cwd: checkout })
  for (const name of readdirSync(target))
    if (!DIRECTORIES.includes(name)) rmSync(join(target, name), { recursive: true })
}
