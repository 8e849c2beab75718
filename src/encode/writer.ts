// Appends records to a growing buffer, in the layout that binding/init/wire.h describes.

/** What a record of a section is about, for errors that name it by its index. */
export interface Subject {
  readonly path?: string
  /** The option it is for: `'limits.memory'`. */
  readonly feature?: string
}

/** A finished section. */
export interface Section {
  readonly bytes: Uint8Array
  /** By record index. */
  readonly subjects: readonly Subject[]
}

const NOTHING: Subject = Object.freeze({})

export class Writer {
  readonly subjects: Subject[] = []
  #buffer: Buffer
  #length = 0
  #start = 0

  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  #reserve(size: number): number {
    const at = this.#length
    const needed = at + size
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#length = needed
    return at
  }

  /** Opens a record; what is written until end() is its payload. */
  begin(op: number, subject: Subject = NOTHING, flags = 0): this {
    this.subjects.push(subject)
    this.#start = this.#reserve(8)
    this.#buffer.writeUInt16LE(op, this.#start)
    this.#buffer.writeUInt16LE(flags, this.#start + 2)
    return this
  }

  /** Closes the record. */
  end(): void {
    this.#buffer.writeUInt32LE(this.#length - this.#start - 8, this.#start + 4)
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#buffer.writeUInt32LE(value >>> 0, at)
    return this
  }

  /** An integer up to 2^53, or two's complement down to -2^53. */
  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32))
  }

  /** Length, bytes, NUL, zero padding to four. */
  string(text: string): this {
    const most = text.length * 3
    const at = this.#reserve(8 + most)
    const size = this.#buffer.write(text, at + 4, 'utf8')
    this.#buffer.writeUInt32LE(size, at)
    const padded = at + 4 + ((size + 4) & ~3)
    this.#buffer.fill(0, at + 4 + size, padded)
    this.#length = padded
    return this
  }

  /** Length, bytes, zero padding to four. */
  bytes(content: string | Uint8Array): this {
    const data = typeof content === 'string' ? Buffer.from(content) : content
    const padded = (data.length + 3) & ~3
    const at = this.#reserve(4 + padded)
    this.#buffer.writeUInt32LE(data.length, at)
    this.#buffer.set(data, at + 4)
    this.#buffer.fill(0, at + 4 + data.length, at + 4 + padded)
    return this
  }

  /** What has been written so far; valid until the next write. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}
