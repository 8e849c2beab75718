// Why overlayfs cannot use a directory as its upper layer, from the file system that the directory is on.

import type { Refusal } from './causes.js'
import { type FileSystemFacts, fileSystemOf } from './filesystem.js'

const ELSEWHERE =
  'Use a directory on ext4, xfs, btrfs or tmpfs (Linux 6.6), or leave `upper` out: the layer is then in memory.'

/**
 * Explains it. overlayfs refuses some file systems outright, with `EINVAL`. Where it cannot make its work directory it
 * mounts itself read-only (fs/overlayfs/super.c), which init answers with `EROFS`.
 */
export function explainUpper(upper: string, code: string, facts: FileSystemFacts = fileSystemOf(upper)): Refusal {
  const where = facts.type === undefined ? `the file system of ${upper}` : `the ${facts.type} file system of ${upper}`
  if (facts.full) {
    return {
      cause: `There is hardly any room left on ${where}: overlayfs could not make its work directory.`,
      remedy: 'Free space and inodes there (df, df -i), or use a directory on another file system.',
    }
  }
  if (facts.readOnly) {
    return { cause: `overlayfs cannot write its work directory: ${where} is mounted read-only.`, remedy: ELSEWHERE }
  }
  if (code === 'EINVAL') {
    return {
      cause: `overlayfs takes no upper layer on ${where}: overlays do not nest, and network file systems lack what it needs.`,
      remedy: ELSEWHERE,
    }
  }
  return {
    cause: `overlayfs could not make its work directory on ${where}: user xattrs are needed, and idmapped mounts when the caller is root.`,
    remedy: ELSEWHERE,
  }
}
