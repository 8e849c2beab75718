// A live command on a terminal of its own: its streams are the terminal's, and it has a size.

import type { Readable, Writable } from 'node:stream'
import type { Launch } from './launch.js'
import type { StartedEvent } from './native.js'
import { parseSize, type TerminalSize } from './options/terminal.js'
import { type ProcessContext, SandboxProcess } from './process.js'
import type { PtySize } from './types.js'

const FALLBACK_TERM = 'TERM=xterm-256color'

/** What a terminal adds to an environment: nothing where the recipe names one. */
export function terminalVariable(environment: Readonly<Record<string, string>>): string {
  return Object.hasOwn(environment, 'TERM') ? '' : FALLBACK_TERM
}

/**
 * A command on a terminal of its own. Made by {@link Sandbox.spawn} with the option `pty`.
 *
 * What is written to {@link stdin} is typed: `'\x03'` is Ctrl-C, which interrupts what runs in the foreground. Ending stdin
 * types the end of file (Ctrl-D). What the programs show comes from {@link stdout}, echoed input and stderr included, with
 * lines that end in CR LF. It ends when no process has the terminal open any more. Destroying it hangs the terminal up:
 * the kernel sends `SIGHUP` to the command and to what runs in the foreground. Nobody reading it holds the programs up, once
 * the buffers are full.
 *
 * @example
 * await using shell = await sandbox().spawn('sh', [], { pty: { cols: 100, rows: 30 } })
 * shell.stdout.pipe(process.stdout)
 * shell.stdin.write('stty size\n')
 * shell.resize({ cols: 120, rows: 40 })
 * shell.stdin.end('exit\n')
 * await shell.wait()
 */
export class TerminalProcess extends SandboxProcess {
  readonly #launch: Launch
  #size: TerminalSize

  /** @internal */
  constructor(context: ProcessContext, started: StartedEvent, size: TerminalSize) {
    super(context, started)
    this.#launch = context.launch
    this.#size = size
  }

  /** What is typed. */
  override get stdin(): Writable {
    return super.stdin as Writable
  }

  /** What is shown, by stdout and by stderr. */
  override get stdout(): Readable {
    return super.stdout as Readable
  }

  /** `null`: both are the terminal, and cannot be told apart. */
  override get stderr(): null {
    return null
  }

  /** The columns that the terminal was given last; a program inside can set others. */
  get cols(): number {
    return this.#size.columns
  }

  /** The rows that the terminal was given last. */
  get rows(): number {
    return this.#size.rows
  }

  /**
   * Gives the terminal another size; the kernel tells what runs in its foreground by `SIGWINCH`. What is left out stays.
   * `false` when the command has ended, or the terminal was hung up.
   *
   * Kernel: `TIOCSWINSZ`, ioctl_tty(2).
   *
   * @throws TypeError or RangeError for what is no size
   * @example
   * await using shell = await sandbox().spawn('sh', [], { pty: true })
   * process.stdout.on('resize', () => shell.resize({ cols: process.stdout.columns, rows: process.stdout.rows }))
   */
  resize(size: PtySize): boolean {
    const wanted = parseSize('resize()', size, this)
    if (!this.#launch.resize(wanted.columns, wanted.rows)) return false
    this.#size = wanted
    return true
  }

  /** Ends the whole tree if it still runs, and waits until nothing of the sandbox is left. */
  override async [Symbol.asyncDispose](): Promise<void> {
    // Not hung up before: that would be another end, by SIGHUP.
    this.#launch.end()
    await this.wait().catch(() => {})
    await super[Symbol.asyncDispose]()
  }
}
