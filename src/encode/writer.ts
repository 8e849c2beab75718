// Appends records to a growing buffer, in the layout that binding/init/wire.h describes.

/** What a record of a section is about, for errors that name it by its index. */
export interface Subject {
  readonly path?: string
  /** What a bind shows, where `path` is its target: for step `'bind-source'`. */
  readonly source?: string
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

/**
 * Writes records one after the other. Everything is a multiple of four bytes, and both machines that there are addons
 * for are little-endian, so numbers are stored as words: this runs once per spawn, on cold caches.
 */
export class Writer {
  #subjects: Subject[] = []
  #bytes: Buffer
  #words: Uint32Array
  #length = 0
  #start = 0

  /** `capacity` is a multiple of four. */
  constructor(capacity = 1024) {
    const memory = new ArrayBuffer(capacity)
    this.#bytes = Buffer.from(memory)
    this.#words = new Uint32Array(memory)
  }

  /** What the records so far are about. */
  get subjects(): readonly Subject[] {
    return this.#subjects
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Begins anew in the same memory. */
  reset(): this {
    this.#subjects = []
    this.#length = 0
    return this
  }

  /** Forgets what the records so far are about: what follows is another part. */
  forget(): this {
    this.#subjects = []
    return this
  }

  #reserve(size: number): number {
    const at = this.#length
    const needed = at + size
    if (needed > this.#bytes.length) {
      const memory = new ArrayBuffer(Math.max((needed + 3) & ~3, this.#bytes.length * 2))
      const grown = Buffer.from(memory)
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#words = new Uint32Array(memory)
    }
    this.#length = needed
    return at
  }

  /** Opens a record; what is written until end() is its payload. */
  begin(op: number, subject: Subject = NOTHING, flags = 0): this {
    this.#subjects.push(subject)
    this.#start = this.#reserve(8)
    this.#words[this.#start >> 2] = op | (flags << 16)
    return this
  }

  /** Closes the record. */
  end(): void {
    this.#words[(this.#start >> 2) + 1] = this.#length - this.#start - 8
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#words[at >> 2] = value
    return this
  }

  /** An integer up to 2^64, or two's complement of a negative one. */
  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32))
  }

  /** Length, bytes, NUL, zero padding to four. */
  string(text: string): this {
    if (text === '') return this.u32(0).u32(0)
    // A UTF-16 unit is at most three bytes of UTF-8.
    const at = this.#reserve(8 + ((text.length * 3 + 3) & ~3))
    const size = this.#bytes.write(text, at + 4, 'utf8')
    this.#words[at >> 2] = size
    return this.#pad(at + 4 + size, at + 4 + ((size + 4) & ~3))
  }

  /** Length, bytes, zero padding to four. */
  bytes(content: string | Uint8Array): this {
    const data = typeof content === 'string' ? Buffer.from(content) : content
    const at = this.#reserve(4 + ((data.length + 3) & ~3))
    this.#words[at >> 2] = data.length
    this.#bytes.set(data, at + 4)
    return this.#pad(at + 4 + data.length, this.#length)
  }

  #pad(from: number, to: number): this {
    for (let i = from; i < to; i++) this.#bytes[i] = 0
    this.#length = to
    return this
  }

  /** Records that were written before, as they are. */
  append(section: Uint8Array): this {
    const at = this.#reserve(section.length)
    this.#bytes.set(section, at)
    return this
  }

  /** Stores a number at a place that was written before. */
  patch(at: number, value: number): void {
    this.#words[at >> 2] = value
  }

  /** What has been written so far; valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
