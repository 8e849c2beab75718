// Taking files out of a box whose commands have ended, by a host that trusts neither the files nor their names.
//
// The box writes to a tmpfs inside of itself, so that it is bounded, gone with the box, and never on the host's disk. The
// host looks into it through /proc/<init>/root, which is the root that the box sees. From there a path is followed
// component by component, each opened below the one before and never through a symbolic link: what openat2(2) does with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, which Node does not offer. What is read must be a plain file with one name, no
// larger than asked for; opening never waits (a FIFO has no writer), and a file that grows is read no further.
import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import type { Box } from 'cofferdam'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants

/** In go-judge's words, since its clients read them. */
export type CollectReason = 'CopyOutOpen' | 'CopyOutNotRegularFile' | 'CopyOutSizeExceeded'

/** Why a file was not taken. */
export class CollectError extends Error {
  constructor(
    readonly reason: CollectReason,
    message: string,
  ) {
    super(message)
  }
}

/** A directory of a box, held open: it cannot come to mean another process's when the box is gone. */
export class BoxDirectory {
  private constructor(readonly handle: FileHandle) {}

  /** @param path absolute, inside the box, made by the recipe and not by the program */
  static async open(box: Box, path: string): Promise<BoxDirectory> {
    const root = await open(`/proc/${box.pid}/root`, O_RDONLY | O_DIRECTORY)
    return new BoxDirectory(await descend(root, path.split('/').slice(1)))
  }

  /** The names of what is in it; whatever they stand for. */
  names(): Promise<string[]> {
    return readdir(fdPath(this.handle))
  }

  /**
   * A file's bytes. `path` is relative; `.` and `..` are refused.
   *
   * @throws CollectError when there is no such file, or it is not what an output may be
   */
  async read(path: string, maxBytes: number, truncate = false): Promise<Buffer> {
    const names = path.split('/')
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) {
      throw new CollectError('CopyOutOpen', `"${path}" is not a relative path of plain names.`)
    }
    const last = names.pop() ?? ''
    const start = await open(fdPath(this.handle), O_RDONLY | O_DIRECTORY)
    const parent = await descend(start, names)
    try {
      const file = await openBelow(parent, last, O_NONBLOCK | O_NOCTTY)
      try {
        return await readPlain(file, path, maxBytes, truncate)
      } finally {
        await file.close()
      }
    } finally {
      await parent.close()
    }
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

/** Takes `parent` over: closes it, and returns the last one. */
async function descend(parent: FileHandle, names: readonly string[]): Promise<FileHandle> {
  let current = parent
  for (const name of names) {
    try {
      const child = await openBelow(current, name, O_DIRECTORY)
      await current.close()
      current = child
    } catch (error) {
      await current.close()
      throw error
    }
  }
  return current
}

async function openBelow(parent: FileHandle, name: string, flags: number): Promise<FileHandle> {
  try {
    return await open(`${fdPath(parent)}/${name}`, O_RDONLY | O_NOFOLLOW | flags)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ELOOP: a symbolic link. ENXIO: a socket.
    const reason = code === 'ELOOP' || code === 'ENXIO' ? 'CopyOutNotRegularFile' : 'CopyOutOpen'
    throw new CollectError(reason, `"${name}" could not be opened: ${code}.`)
  }
}

async function readPlain(file: FileHandle, path: string, maxBytes: number, truncate: boolean): Promise<Buffer> {
  const info = await file.stat()
  if (!info.isFile()) throw new CollectError('CopyOutNotRegularFile', `"${path}" is not a plain file.`)
  if (info.nlink !== 1) throw new CollectError('CopyOutNotRegularFile', `"${path}" has another name elsewhere.`)
  if (info.size > maxBytes && !truncate) {
    throw new CollectError('CopyOutSizeExceeded', `"${path}" has ${info.size} bytes; at most ${maxBytes} are taken.`)
  }
  // One byte more than was there shows whether it has grown.
  const size = Math.min(info.size, maxBytes)
  const bytes = Buffer.alloc(size + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  if (length > size && !truncate) throw new CollectError('CopyOutSizeExceeded', `"${path}" grew while it was read.`)
  return bytes.subarray(0, Math.min(length, size))
}

function fdPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}
