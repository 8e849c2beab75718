// Files that stay between requests (copyOutCached, POST /file), in memory and by ids that cannot be guessed. Bounded
// in number and bytes: what does not fit is refused, and nothing that somebody may still want is dropped for it.
import { randomBytes } from 'node:crypto'

export interface StoredFile {
  name: string
  content: Buffer
}

/** The store has no room for it. */
export class StoreFullError extends Error {
  readonly statusCode = 507
}

export class FileStore {
  readonly #files = new Map<string, StoredFile>()
  #bytes = 0

  constructor(
    private readonly maxBytes: number,
    private readonly maxFiles: number,
  ) {}

  /** @throws StoreFullError */
  add(name: string, content: Buffer): string {
    if (this.#files.size >= this.maxFiles || this.#bytes + content.length > this.maxBytes) {
      const limits = `${this.maxFiles} files and ${this.maxBytes} bytes`
      throw new StoreFullError(`The file store holds at most ${limits}. Delete files that are no longer needed.`)
    }
    const id = randomBytes(10).toString('hex').toUpperCase()
    this.#files.set(id, { name, content })
    this.#bytes += content.length
    return id
  }

  get(id: string): StoredFile | undefined {
    return this.#files.get(id)
  }

  remove(id: string): boolean {
    this.#bytes -= this.#files.get(id)?.content.length ?? 0
    return this.#files.delete(id)
  }

  /** Names by ids. */
  list(): Record<string, string> {
    return Object.fromEntries([...this.#files].map(([id, { name }]) => [id, name]))
  }
}
