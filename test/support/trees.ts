// Directories with given contents, made and read back in one go: what layers and bind sources consist of.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from './suite.js'

/** A file's text, a directory's entries, or what makes the entry at its path. */
export type Entry = string | Entries | ((path: string) => unknown)
export interface Entries {
  readonly [name: string]: Entry
}

/** Makes the entries below a directory, which is made where it is missing; returns the directory. */
export function plant(directory: string, entries: Entries): string {
  mkdirSync(directory, { recursive: true })
  for (const [name, entry] of Object.entries(entries)) {
    const path = join(directory, name)
    if (typeof entry === 'string') writeFileSync(path, entry)
    else if (typeof entry === 'function') entry(path)
    else plant(path, entry)
  }
  return directory
}

/** The same in a directory of the test's own. */
export function tree(t: TestContext, entries: Entries = {}): string {
  return plant(t.tempDir(), entries)
}

/** An entry: a symbolic link. */
export const link = (target: string) => (path: string) => symlinkSync(target, path)

/** An entry: a file or directory with these permission bits. */
export const withMode = (mode: number, entry: string | Entries) => (path: string) => {
  if (typeof entry === 'string') writeFileSync(path, entry)
  else plant(path, entry)
  chmodSync(path, mode)
}

/** All that is below a directory, as `path: type mode owner content`: equal texts are equal trees. */
export function listing(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name)
      const info = lstatSync(join(directory, path))
      const owner = `${(info.mode & 0o7777).toString(8)} ${info.uid}:${info.gid} ${info.mtimeMs}`
      if (info.isDirectory()) return [`${path}: directory ${owner}`, ...listing(directory, path)]
      if (info.isSymbolicLink()) return [`${path}: link ${owner} ${readlinkSync(join(directory, path))}`]
      if (info.isFile()) return [`${path}: file ${owner} ${readFileSync(join(directory, path)).toString('base64')}`]
      return [`${path}: special ${owner}`]
    })
}

/** A directory whose name is of the test's choosing, alone in another. */
export function oddDirectory(t: TestContext, name: string): string {
  return plant(join(t.tempDir(), name), {})
}
