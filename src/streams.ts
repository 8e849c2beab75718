// Our ends of a sandbox's pipes: made into Node streams when somebody asks, and closed when nobody has.

import { close, read } from 'node:fs'
import { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { claimFd } from './binding.js'

const CHUNK = 65536

function ignore(): void {}

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
    close(claimFd(this.#fd), ignore)
    this.#fd = -1
  }

  /** Closes it in any case. */
  destroy(): void {
    this.release()
    this.#stream?.destroy()
  }
}

/** What is left in a pipe whose writers are gone: at most what the kernel held (64 KiB, or what was set). */
function drain(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    const step = (): void => {
      const chunk = Buffer.allocUnsafe(CHUNK)
      read(fd, chunk, 0, CHUNK, null, (error, size) => {
        if (!error && size > 0) {
          chunks.push(Buffer.from(chunk.subarray(0, size)))
          step()
          return
        }
        close(fd, ignore)
        resolve(Buffer.concat(chunks))
      })
    }
    step()
  })
}

/** The reading end of stdout or stderr. */
export class OutputPipe {
  #fd: number
  #stream: Readable | undefined
  #rest: Promise<Buffer> | undefined

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
    const rest = this.#rest ?? Promise.resolve(Buffer.alloc(0))
    return new Readable({
      read() {
        rest.then((data) => {
          if (data.length > 0) this.push(data)
          this.push(null)
        }, ignore)
      },
    })
  }

  /** Takes what is left and closes the descriptor, if nobody has asked for the stream. */
  release(): void {
    if (this.#fd < 0) return
    this.#rest = drain(claimFd(this.#fd))
    this.#fd = -1
  }

  /** Closes it in any case. */
  destroy(): void {
    if (this.#fd >= 0) close(claimFd(this.#fd), ignore)
    this.#fd = -1
    this.#stream?.destroy()
  }
}
