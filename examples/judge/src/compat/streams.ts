// Streams between and out of commands: collectors, which end a command that says more than they take, and pipes from one
// command to another, by way of this process.
import type { Readable, Writable } from 'node:stream'
import type { Collector } from './model.js'

/** What a collector has; `exceeded` when there was more. */
export interface Collected {
  content: Buffer
  exceeded: boolean
}

/** Keeps `max` bytes; calls `onExceeded` for the first beyond, and goes on reading so that nobody waits. Never rejects. */
export function collect(stream: Readable, { max }: Collector, onExceeded: () => void): Promise<Collected> {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, Math.max(0, max - length))
    if (kept.length > 0) chunks.push(kept)
    if (length <= max && length + chunk.length > max) onExceeded()
    length += chunk.length
  })
  return new Promise((resolve) => {
    stream.once('error', () => {})
    stream.once('close', () => resolve({ content: Buffer.concat(chunks), exceeded: length > max }))
  })
}

/**
 * From the one to the other, with back-pressure. When the reader ends first, the writer gets EPIPE as from a pipe; with
 * `proxy` what it says is dropped instead. A collector may listen to `from` as well.
 */
export function pipe(from: Readable, to: Writable, proxy: boolean): void {
  to.once('error', () => {})
  to.once('close', () => {
    from.unpipe(to)
    if (proxy) from.resume()
    else from.destroy()
  })
  from.once('error', () => to.end())
  from.pipe(to)
}

/** Writes it all and ends. Who ends before having read it all does no harm. */
export function feed(stream: Writable, content: Buffer): void {
  stream.once('error', () => {})
  stream.end(content)
}
