// Interactive problems: the contestant's program and the problem setter's interactor, each in a sandbox of its own, each
// one's stdout the other's stdin. The bytes go through this process, which so knows who ended first: that decides whose
// doing the other's end was.
//
//   the interactor ended first, and said wrong    its word; the program is ended
//   it ended first, and said right                the program has to end well by itself
//   the program ended first, badly                the program's failure, whatever the interactor made of the silence
//   the program ended first, well                 the interactor's word
//   the interactor failed, at whatever time       SE
//
// Nobody is killed for writing to somebody who has ended: what comes then is read and dropped. When one of them closes its
// stdout the other is told only when the first has ended, too, or after a second: otherwise a crash would be a race between
// the news of it and the other's complaint about the silence.

import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxProcess, SandboxResult } from 'cofferdam'
import type { Runnable } from './recipes.js'
import { opinionOf, SystemFault } from './setter.js'
import type { Attempt, Contestant } from './test-run.js'
import { failureOf } from './verdict.js'

const NEWS_OF_THE_END_MS = 1000
const MAX_COMMENT_BYTES = 64 * 2 ** 10
/** Longer than the program's wall time, so that of two that wait for each other it is the program's that is over. */
const INTERACTOR_GRACE_MS = 10_000

export async function runInteractive(
  { program, pool, signal }: Contestant,
  interactor: Runnable,
  input: Buffer,
  answer: Buffer,
): Promise<Attempt> {
  const stop = new AbortController()
  const anyStop = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const words = [...interactor.args, '/judge/input', '/judge/output', '/judge/answer']
  const host = await interactor.recipe
    .file('/judge/input', input)
    .file('/judge/answer', answer)
    .limits({ wallTime: program.wallLimitMs + INTERACTOR_GRACE_MS })
    .spawn(interactor.file, words, { signal: anyStop })
  const comment = collect(host.stderr)
  try {
    const guest = await pool.spawn(program.file, program.args, { stderr: 'ignore', signal: anyStop })
    return await referee(guest, host, comment, stop, program, signal)
  } finally {
    stop.abort()
    await host.closed
  }
}

async function referee(
  guest: SandboxProcess,
  host: SandboxProcess,
  comment: Promise<Buffer>,
  stop: AbortController,
  program: Runnable,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  const guestEnds = guest.wait()
  const hostEnds = host.wait()
  connect(host.stdout, guest.stdin, hostEnds)
  connect(guest.stdout, host.stdin, guestEnds)

  const first = await Promise.race([guestEnds.then(() => 'guest'), hostEnds.then(() => 'host')])
  if (first === 'host') {
    const opinion = opinionOf(await hostEnds, await comment)
    if (opinion.verdict !== 'AC') stop.abort()
    const result = await guestEnds
    signal?.throwIfAborted()
    // It may have been over a limit in the instant before it was ended.
    if (opinion.verdict !== 'AC') return { ...opinion, result }
    return { ...(failureOf(result, program.cpuLimitMs, program.memoryExitCodes) ?? opinion), result }
  }
  const result: SandboxResult = await guestEnds
  const opinion = opinionOf(await hostEnds, await comment)
  signal?.throwIfAborted()
  return { ...(failureOf(result, program.cpuLimitMs, program.memoryExitCodes) ?? opinion), result }
}

/** From one to the other with back-pressure, and to nowhere once the other has ended. */
function connect(from: Readable | null, to: Writable | null, ended: Promise<unknown>): void {
  if (!from || !to) throw new SystemFault('The streams of an interactive run are pipes.')
  const drop = () => {
    from.unpipe(to)
    from.resume()
  }
  to.once('error', drop)
  to.once('close', drop)
  const tell = async () => {
    await Promise.race([ended, sleep(NEWS_OF_THE_END_MS)]).catch(() => {})
    to.end()
  }
  from.once('error', tell)
  from.once('end', tell)
  from.pipe(to, { end: false })
}

/** What it says until it closes, or is ended: never rejects. */
async function collect(stream: Readable | null): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of stream ?? []) {
      if (length < MAX_COMMENT_BYTES) chunks.push(chunk)
      length += chunk.length
    }
  } catch {
    // What was read until then is what it said.
  }
  return Buffer.concat(chunks)
}
