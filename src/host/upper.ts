// Why overlayfs cannot use a directory as its upper layer, from the file system that the directory is on.

import { type FileSystemFacts, fileSystemOf } from './filesystem.js'
import type { Refusal } from './refusals.js'

const ELSEWHERE =
  'Use a directory on ext4, xfs, btrfs or tmpfs (Linux 6.6), or leave `upper` out: the layer is then in memory.'

/**
 * Explains it. overlayfs refuses some file systems outright (`EINVAL`); on others, and on full ones, it mounts itself
 * read-only, which shows as `EROFS` when the first directory is to be made in the root (fs/overlayfs/super.c).
 */
export function explainUpper(upper: string, facts: FileSystemFacts = fileSystemOf(upper)): Refusal {
  const on = facts.type === undefined ? 'Its file system' : `The ${facts.type} file system of ${upper}`
  if (facts.full) {
    return {
      cause: `${on} is full: overlayfs could not make its work directory.`,
      remedy: 'Free space and inodes there (df, df -i), or use a directory on another file system.',
    }
  }
  if (facts.readOnly) return { cause: `${on} is mounted read-only.`, remedy: ELSEWHERE }
  return {
    cause: `${on} cannot hold the upper layer of an overlay: that takes user xattrs, whiteouts and renaming in exchange, and no overlay may lie on another's.`,
    remedy: ELSEWHERE,
  }
}
