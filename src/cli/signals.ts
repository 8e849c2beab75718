// Signals that this process is sent while a command runs. The command has a session of its own, so those of a terminal
// reach this process alone: the first is handed to the command, to do with as it likes, and the next ends the whole tree.

const HANDED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** From the start of a command to its end. */
export class SignalRelay {
  readonly #abort = new AbortController()
  #child: { kill(signal: NodeJS.Signals): boolean } | undefined
  #told: NodeJS.Signals | undefined

  constructor() {
    for (const signal of HANDED_ON) process.on(signal, this.#receive)
  }

  /** Fires when the sandbox has to end. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The last signal that has come; `undefined` when none has. */
  get told(): NodeJS.Signals | undefined {
    return this.#told
  }

  /** From now on there is somebody to hand them to; what has come before was meant for it, too. */
  attach(child: { kill(signal: NodeJS.Signals): boolean }): void {
    this.#child = child
    if (this.#told !== undefined) child.kill(this.#told)
  }

  /** Signals do again what they do to any process. */
  detach(): void {
    for (const signal of HANDED_ON) process.off(signal, this.#receive)
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    const first = this.#told === undefined
    this.#told = signal
    if (first) this.#child?.kill(signal)
    else this.#abort.abort()
  }
}
