// Reading what a program has left in a directory, by a host that trusts neither the directory nor what is in it.
//
// A path is followed component by component, each opened below the one before it and never through a symbolic link: what
// openat2(2) does with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, which Node does not offer. What is read must be a plain
// file, of one name only, and not larger than the caller says; opening waits for nobody, and a file that grows meanwhile
// is read no further. Nothing here needs the program to have ended, but only then is what has been read all of it.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants

/** Why an output was not taken; `reason` is for the program's author. */
export class CollectError extends Error {
  constructor(readonly reason: string) {
    super(`The output was not taken: ${reason}.`)
  }
}

/**
 * The bytes of a file below a directory of the host. `path` is relative, without `.` and `..`.
 *
 * @throws CollectError when there is no such file, or it is not what an output may be
 */
export async function collect(directory: string, path: string, maximumBytes: number): Promise<Buffer> {
  const names = path.split('/')
  if (names.some((name) => name === '' || name === '.' || name === '..')) throw new CollectError('it has an odd path')
  const last = names.pop() ?? ''
  // The directory itself is the host's own, so links on the way to it are as well.
  let parent = await open(directory, O_RDONLY | O_DIRECTORY)
  try {
    for (const name of names) {
      const child = await openBelow(parent, name, O_DIRECTORY)
      await parent.close()
      parent = child
    }
    const file = await openBelow(parent, last, O_NONBLOCK | O_NOCTTY)
    try {
      return await readPlain(file, maximumBytes)
    } finally {
      await file.close()
    }
  } finally {
    await parent.close()
  }
}

async function openBelow(parent: FileHandle, name: string, flags: number): Promise<FileHandle> {
  try {
    return await open(`/proc/self/fd/${parent.fd}/${name}`, O_RDONLY | O_NOFOLLOW | flags)
  } catch (error) {
    throw new CollectError(`${name} could not be opened, ${(error as NodeJS.ErrnoException).code}`)
  }
}

async function readPlain(file: FileHandle, maximumBytes: number): Promise<Buffer> {
  const info = await file.stat()
  if (!info.isFile()) throw new CollectError('it is not a plain file')
  // A hard link may be to a file of the host's that the program could not read itself (fs.protected_hardlinks).
  if (info.nlink !== 1) throw new CollectError('it has another name elsewhere')
  if (info.size > maximumBytes) throw new CollectError(`it is larger than ${maximumBytes} bytes`)

  // One byte more than was there shows whether it has grown.
  const bytes = Buffer.alloc(info.size + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) return bytes.subarray(0, length)
    length += bytesRead
  }
  throw new CollectError('it grew while it was read')
}
