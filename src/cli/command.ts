// What a sub-command of `cofferdam` is, and what it is called with.

/** The exit status of a call that could not be understood, of commands whose status says nothing about a program. */
export const EXIT_USAGE = 2

/** An option of the command line, as the parser needs to know it. */
export interface Option {
  /** Without the two hyphens. */
  readonly name: string
  /** What its value looks like, in a help text; an option without one takes no value. */
  readonly value?: string
}

/** An option as it was given. */
export interface Given {
  readonly name: string
  /** `undefined` for an option that takes none. */
  readonly value: string | undefined
}

/** A call that has been taken apart. */
export interface Call {
  /** In the order in which they were written. */
  readonly given: readonly Given[]
  /** A command and its arguments, where the sub-command takes one; empty when there was none. */
  readonly words: readonly string[]
}

/** A sub-command. `--help` is added to its options. */
export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** The text of `--help`. */
  readonly help: string
  readonly options: readonly Option[]
  /** Whether the first word that is no option begins a command, to which all that follows belongs. */
  readonly takesCommand: boolean
  /** The exit status of an error that is ours, a call that cannot be understood among them. */
  readonly failure: number
  /** Resolves with the exit status. */
  run(call: Call): Promise<number>
}

/** What a {@link UsageError} is about. */
export interface UsageDetails {
  /** With its hyphens. */
  readonly flag?: string
  /** A sentence that says what to write instead. */
  readonly suggestion?: string
}

/** A call that could not be understood: told in one line. */
export class UsageError extends Error {
  readonly flag: string | undefined
  readonly suggestion: string | undefined

  constructor(message: string, { flag, suggestion }: UsageDetails = {}) {
    super(suggestion ? `${message} ${suggestion}` : message)
    this.flag = flag
    this.suggestion = suggestion || undefined
  }
}

/** Whether a call has an option without a value. */
export function has({ given }: Call, name: string): boolean {
  return given.some((option) => option.name === name)
}
