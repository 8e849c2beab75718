// What file system a directory is on, and whether it has room: for errors about an `upper`.

import { statfsSync } from 'node:fs'
import { readText } from './conditions.js'

/** What is known about it. */
export interface FileSystemFacts {
  /** Its type as `/proc/self/mountinfo` names it: `'ext4'`; `undefined` when that cannot be read. */
  readonly type: string | undefined
  /** Whether hardly a block, or hardly an inode, is left for this caller: what failed there has been removed since. */
  readonly full: boolean
  readonly readOnly: boolean
}

/** Blocks and inodes that an overlay's work directory may take. */
const ROOM = 8

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The last mount whose point is a prefix of the path, as path lookup would find it. */
export function mountOf(path: string, mountinfo: string): { type: string; readOnly: boolean } | undefined {
  let best: { point: string; type: string; readOnly: boolean } | undefined
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const fields = left.split(' ')
    const point = unescapeOctal(fields[4] ?? '')
    if (point === '' || !`${path}/`.startsWith(point === '/' ? '/' : `${point}/`)) continue
    if (best && best.point.length > point.length) continue
    const options = `${fields[5] ?? ''},${right.split(' ')[2] ?? ''}`.split(',')
    best = { point, type: right.split(' ')[0] ?? '', readOnly: options.includes('ro') }
  }
  return best
}

/** Looks; never throws. */
export function fileSystemOf(path: string): FileSystemFacts {
  const mount = mountOf(path, readText('/', 'proc/self/mountinfo') ?? '')
  let full = false
  try {
    const { bavail, blocks, ffree, files } = statfsSync(path)
    // Some file systems have no blocks or inodes to count: ramfs, btrfs.
    full = (blocks > 0 && bavail < ROOM) || (files > 0 && ffree < ROOM)
  } catch {
    // It is gone, or may not be looked at: the errno says so.
  }
  return { type: mount?.type, full, readOnly: mount?.readOnly ?? false }
}
