// A decoder of requests as binding/init/wire.h describes them, written from that text and not from the encoder.

export interface Decoded {
  op: number
  flags: number
  payload: Payload
}

/** Reads the fields of one record in order; `done` is whether all of it was read. */
export class Payload {
  #at = 0
  constructor(private readonly data: Buffer) {}

  u32(): number {
    this.#at += 4
    return this.data.readUInt32LE(this.#at - 4)
  }

  u64(): bigint {
    this.#at += 8
    return this.data.readBigUInt64LE(this.#at - 8)
  }

  bytes(): Buffer {
    const size = this.u32()
    const start = this.#at
    this.#at += Math.ceil(size / 4) * 4
    return this.#padded(start, size)
  }

  string(): string {
    const size = this.u32()
    const start = this.#at
    this.#at += Math.ceil((size + 1) / 4) * 4
    return this.#padded(start, size).toString('utf8')
  }

  #padded(start: number, size: number): Buffer {
    if (this.#at > this.data.length) throw new Error('A field is longer than its record')
    if (this.data.subarray(start + size, this.#at).some((byte) => byte !== 0)) throw new Error('Padding is not zero')
    return this.data.subarray(start, start + size)
  }

  get done(): boolean {
    return this.#at === this.data.length
  }
}

function records(section: Buffer): Decoded[] {
  const found: Decoded[] = []
  for (let at = 0; at < section.length; ) {
    const size = section.readUInt32LE(at + 4)
    if (size % 4 !== 0 || at + 8 + size > section.length) throw new Error('A record does not fit its section')
    const payload = new Payload(section.subarray(at + 8, at + 8 + size))
    found.push({ op: section.readUInt16LE(at), flags: section.readUInt16LE(at + 2), payload })
    at += 8 + size
  }
  return found
}

export interface DecodedRequest {
  magic: number
  version: number
  flags: number
  host: Decoded[]
  boot: Decoded[]
  exec: Decoded[]
}

export function decodeRequest(bytes: Uint8Array): DecodedRequest {
  const data = Buffer.from(bytes)
  const [magic, version, host, ahead, boot, exec, flags] = [0, 4, 8, 12, 16, 20, 24].map((at) =>
    data.readUInt32LE(at),
  ) as [number, number, number, number, number, number, number]
  if (ahead > boot || ahead % 4 !== 0) throw new Error('The ahead part is no part of the boot section')
  if (data.length !== 28 + host + boot + exec) throw new Error('The sections do not add up to the request')
  return {
    magic,
    version,
    flags,
    host: records(data.subarray(28, 28 + host)),
    boot: records(data.subarray(28 + host, 28 + host + boot)),
    exec: records(data.subarray(28 + host + boot)),
  }
}
