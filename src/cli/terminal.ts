// The caller's terminal and the program's, joined as script(1) and ssh(1) do it: what is typed here is typed there, what is
// shown there is shown here, and the size follows.

import type { ReadStream, WriteStream } from 'node:tty'
import { nativeBinding } from '../binding.js'
import type { TerminalProcess } from '../terminal.js'

/** The caller's two ends; both have to be terminals. */
export interface CallersTerminal {
  readonly stdin: ReadStream & { readonly fd: number }
  readonly stdout: WriteStream
}

/** Whether both ends are terminals, so that a program can be given one. */
export function hasTerminal({ stdin, stdout }: CallersTerminal = process): boolean {
  return stdin.isTTY === true && stdout.isTTY === true
}

/** The size that a program's terminal has to have; the default's where the caller's is not known. */
export function sizeOf({ stdout }: CallersTerminal = process): { cols: number; rows: number } {
  // A serial line says 0.
  return { cols: stdout.columns || 80, rows: stdout.rows || 24 }
}

/**
 * Joins both, until the program's terminal has ended: then all that it has shown is written. The caller's terminal is raw
 * meanwhile, so that Ctrl-C and its like are typed there and do nothing here, and is given back as it was; Node does so by
 * itself when the process exits in between.
 */
export async function connectTerminal(child: TerminalProcess, caller: CallersTerminal = process): Promise<void> {
  const { stdin, stdout } = caller
  const resize = () => {
    child.resize(sizeOf(caller))
  }
  const wasRaw = stdin.isRaw
  stdin.setRawMode(true)
  // Node's raw mode still makes CR LF of LF, which programs like editors have turned off in theirs.
  nativeBinding().showAsWritten(stdin.fd)
  stdout.on('resize', resize)
  // It may have changed while the program was started.
  resize()
  stdin.pipe(child.stdin)
  child.stdout.pipe(stdout, { end: false })
  try {
    await ended(child, stdout)
  } finally {
    stdout.off('resize', resize)
    stdin.unpipe(child.stdin)
    child.stdout.unpipe(stdout)
    stdin.setRawMode(wasRaw)
    // Nobody reads on: what is typed now is for whoever has the terminal next, and the process may end.
    stdin.pause()
    stdin.unref()
  }
}

// A terminal here that is closed hangs up the one there.
function ended({ stdout: shown }: TerminalProcess, stdout: WriteStream): Promise<void> {
  return new Promise((done) => {
    const finish = () => {
      stdout.off('error', close)
      stdout.off('close', close)
      done()
    }
    const close = () => shown.destroy()
    shown.once('close', finish)
    stdout.on('error', close)
    stdout.on('close', close)
  })
}
