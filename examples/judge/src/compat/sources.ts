// What goes into a command's box: contents of the request, files of the store, and files of the host, the last only below
// directories that the operator has named. A host's path is resolved first and then compared, so that no link leads out.
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { type InputFile, RequestError } from './model.js'
import type { FileStore } from './store.js'

const MAX_SOURCE_BYTES = 256 * 2 ** 20

export class Sources {
  constructor(
    private readonly store: FileStore,
    private readonly hostPrefixes: readonly string[],
  ) {}

  /** @throws RequestError when there is no such file, or it may not be read */
  async read(file: InputFile): Promise<Buffer> {
    if ('content' in file) return Buffer.from(file.content)
    if ('fileId' in file) {
      const stored = this.store.get(file.fileId)
      if (!stored) throw new RequestError(`There is no file with the id "${file.fileId.slice(0, 80)}".`)
      return stored.content
    }
    return this.#readHost(file.src)
  }

  async #readHost(path: string): Promise<Buffer> {
    const refused = new RequestError(`The file ${JSON.stringify(path.slice(0, 80))} of the host may not be read.`)
    const resolved = await realpath(path).catch(() => '')
    if (!this.hostPrefixes.some((prefix) => resolved.startsWith(`${prefix.replace(/\/+$/, '')}/`))) throw refused
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
    const file = await open(resolved, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY).catch(() => undefined)
    if (!file) throw refused
    try {
      const info = await file.stat()
      if (!info.isFile() || info.size > MAX_SOURCE_BYTES) throw refused
      return await file.readFile()
    } finally {
      await file.close()
    }
  }
}
