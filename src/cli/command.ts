// What a sub-command of `cofferdam` is.

/** The exit code of a call that could not be understood. */
export const EXIT_USAGE = 2

/** A sub-command. Its options have no values yet; `--help` is added to them. */
export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** The text of `--help`. */
  readonly help: string
  readonly options: Readonly<Record<string, { readonly type: 'boolean'; readonly short?: string }>>
  /** Resolves with the exit code. */
  run(values: Readonly<Record<string, unknown>>): Promise<number>
}

/** A call that could not be understood: told in one line. */
export class UsageError extends Error {
  constructor(command: string | undefined, message: string) {
    super(`cofferdam${command === undefined ? '' : ` ${command}`}: ${message}`)
  }
}
