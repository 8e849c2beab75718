// Our ends of a sandbox's pipes: made into Node streams when somebody asks, and closed when nobody has.

import { closeSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { claimFd } from './binding.js'

const CHUNK = 65536

/** The writing end of stdin. A program that does not read it is no error: EPIPE just ends the stream. */
export class StdinPipe {
  #fd: number
  #stream: Writable | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  /** The stream; made on first use, because a socket costs time on the main thread. */
  get stream(): Writable {
    if (this.#stream) return this.#stream
    if (this.#fd < 0) {
      this.#stream = new Writable()
      this.#stream.destroy()
      return this.#stream
    }
    const socket = new Socket({ fd: claimFd(this.#fd), readable: false, writable: true })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const quiet = error.code === 'EPIPE' || error.code === 'ECONNRESET'
      // A listener of ours must not hide other errors from a caller that has none.
      if (!quiet && socket.listenerCount('error') === 1) throw error
    })
    this.#fd = -1
    this.#stream = socket
    return socket
  }

  /** Closes the descriptor if nobody has asked for the stream. */
  release(): void {
    if (this.#fd < 0) return
    closePipe(this.#fd)
    this.#fd = -1
  }

  /** Closes it in any case. */
  destroy(): void {
    this.release()
    this.#stream?.destroy()
  }
}

/** Closes a descriptor that no stream has. Of a pipe that never waits. */
function closePipe(fd: number): void {
  closeSync(claimFd(fd))
}

/**
 * What is left in a pipe whose writers are gone: at most what the kernel held (64 KiB, or what was set). The descriptor
 * does not block, so this takes microseconds, and nothing is left open if the environment ends here.
 */
function drain(fd: number): Buffer {
  const chunks: Buffer[] = []
  const chunk = Buffer.allocUnsafe(CHUNK)
  try {
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
      chunks.push(Buffer.from(chunk.subarray(0, size)))
    }
  } catch {
    // EAGAIN: somebody outside the sandbox holds the other end, and has written nothing.
  }
  closePipe(fd)
  return Buffer.concat(chunks)
}

/** The reading end of stdout or stderr. */
export class OutputPipe {
  #fd: number
  #stream: Readable | undefined
  #rest: Buffer | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  /** The stream; made on first use. */
  get stream(): Readable {
    this.#stream ??= this.#fd >= 0 ? this.#open() : this.#replay()
    return this.#stream
  }

  #open(): Readable {
    const socket = new Socket({ fd: claimFd(this.#fd), readable: true, writable: false })
    this.#fd = -1
    return socket
  }

  // The sandbox was gone before anybody asked: what it left in the pipe was kept.
  #replay(): Readable {
    const rest = this.#rest
    return new Readable({
      read() {
        if (rest && rest.length > 0) this.push(rest)
        this.push(null)
      },
    })
  }

  /** Takes what is left and closes the descriptor, if nobody has asked for the stream. */
  release(): void {
    if (this.#fd < 0) return
    this.#rest = drain(this.#fd)
    this.#fd = -1
  }

  /** Closes it in any case. */
  destroy(): void {
    if (this.#fd >= 0) closePipe(this.#fd)
    this.#fd = -1
    this.#stream?.destroy()
  }
}
