// Subordinate ids: what /etc/subuid and /etc/subgid grant this user, and the two programs that may map them
// (subuid(5), newuidmap(1)). Read when a recipe first needs it.
//
// The programs are looked for in fixed directories and not on the PATH. They run with the rights of the caller's user plus
// their own set-user-id bit, so a false one could do no more than its caller; but PATH is often set from files of a project,
// and a sandbox must not start a program that happens to lie there.

import { accessSync, constants, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'

/** Ids of the host, `first` to `first + count - 1`. */
export interface IdRange {
  /** The first of them. */
  readonly first: number
  /** How many there are. */
  readonly count: number
}

/** The programs that write a map for whoever may not do so himself, as absolute paths. */
export interface MapWriters {
  /** The one for users. */
  readonly newuidmap: string
  /** The one for groups. */
  readonly newgidmap: string
}

/** What a caller that is not root can map besides its own id: ranges and programs, or the reason why it cannot. */
export type SubordinateIds =
  | { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[]; readonly writers: MapWriters }
  | { readonly problem: string }

/** Where newuidmap and newgidmap are looked for: the usual places, and the wrappers of NixOS and Guix. */
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/run/wrappers/bin', '/run/privileged/bin']
/** The last id is -1, which means "unchanged" to the kernel. */
const ID_END = 2 ** 32 - 1

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** What of a range is in none of the others: the kernel refuses maps whose lines overlap. */
function without(range: IdRange, others: readonly IdRange[]): IdRange[] {
  let left = [range]
  for (const other of others) {
    const end = other.first + other.count
    left = left
      .flatMap(({ first, count }) => [
        { first, count: Math.min(first + count, other.first) - first },
        { first: Math.max(first, end), count: first + count - Math.max(first, end) },
      ])
      .filter(({ count }) => count > 0)
  }
  return left
}

/**
 * The ranges that the text of such a file grants to a user, in the order of its lines, without overlaps and without the
 * user's own id. A line is `owner:first:count`, and the owner a name or a number; others are passed over, as newuidmap
 * does.
 */
export function parseRanges(text: string, user: { name: string; uid: number; own: number }): IdRange[] {
  const ranges: IdRange[] = []
  for (const line of text.split('\n')) {
    const [, owner, first, count] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line) ?? []
    if (owner !== user.name && owner !== String(user.uid)) continue
    const range = { first: Number(first), count: Number(count) }
    if (range.first + range.count > ID_END) continue
    ranges.push(...without(range, [{ first: user.own, count: 1 }, ...ranges]))
  }
  return ranges
}

function findProgram(name: string): string | undefined {
  return DIRECTORIES.map((directory) => `${directory}/${name}`).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function userName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined // no line in passwd(5)
  }
}

/** The subordinate ids of this process's user. Never throws. */
export function readSubordinateIds(uid: number, gid: number): SubordinateIds {
  const newuidmap = findProgram('newuidmap')
  const newgidmap = findProgram('newgidmap')
  if (newuidmap === undefined || newgidmap === undefined) {
    return { problem: `${newuidmap === undefined ? 'newuidmap' : 'newgidmap'} is not installed.` }
  }
  if (process.getuid?.() !== uid || process.getgid?.() !== gid)
    return { problem: 'newuidmap serves the real user alone, and the effective ids of this process are others.' }
  if (/^NoNewPrivs:\s*1$/m.test(read('/proc/self/status')))
    return { problem: 'this process has no_new_privs set, with which newuidmap cannot have the right that it needs.' }
  const name = userName()
  if (name === undefined) return { problem: `user ${uid} has no line in /etc/passwd, and newuidmap wants a name.` }
  const uids = parseRanges(read('/etc/subuid'), { name, uid, own: uid })
  const gids = parseRanges(read('/etc/subgid'), { name, uid, own: gid })
  if (uids.length === 0 || gids.length === 0)
    return { problem: `${uids.length === 0 ? '/etc/subuid' : '/etc/subgid'} grants no ids to ${name}.` }
  return { uids, gids, writers: { newuidmap, newgidmap } }
}
