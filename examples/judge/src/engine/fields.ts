// Reading data that people write: problem.json and languages.json. A mistake in them is found when the judge starts, and
// told with its file and place, what was expected there, what was found, and so what to change.

/** A mistake in a problem's or a language's description. */
export class DescriptionError extends Error {}

/** A JSON object that is read member by member, so that unknown members are found too. */
export class Fields {
  readonly #known = new Set<string>()
  readonly #value: Record<string, unknown>

  constructor(
    value: unknown,
    readonly place: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new DescriptionError(`${place}: expected an object, received ${show(value)}.`)
    }
    this.#value = value as Record<string, unknown>
  }

  has(name: string): boolean {
    this.#known.add(name)
    return this.#value[name] !== undefined
  }

  text(name: string, fallback?: string): string {
    const value = this.#take(name, fallback)
    if (typeof value !== 'string' || value === '') return this.fail(name, 'a text that is not empty', value)
    return value
  }

  number(name: string, fallback: number | undefined, minimum: number, maximum: number): number {
    const value = this.#take(name, fallback)
    if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) {
      return this.fail(name, `a number from ${minimum} to ${maximum}`, value)
    }
    return value
  }

  flag(name: string): boolean {
    const value = this.#take(name, false)
    return typeof value === 'boolean' ? value : this.fail(name, 'true or false', value)
  }

  choice<const T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.#take(name, fallback)
    return choices.find((choice) => choice === value) ?? this.fail(name, `one of ${choices.join(', ')}`, value)
  }

  texts(name: string, fallback?: readonly string[]): string[] {
    const value = this.#take(name, fallback)
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
      return this.fail(name, 'a list of texts', value)
    }
    return value
  }

  numbers(name: string, fallback?: readonly number[]): number[] {
    const value = this.#take(name, fallback)
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'number')) {
      return this.fail(name, 'a list of numbers', value)
    }
    return value
  }

  /** A member that is an object; an empty one when it is not there and need not be. */
  fields(name: string, required = true): Fields {
    return new Fields(this.#take(name, required ? undefined : {}), `${this.place}: ${name}`)
  }

  /** All members as objects, for one that is a table. */
  entries(): [name: string, fields: Fields][] {
    return Object.entries(this.#value).map(([name, value]) => [name, new Fields(value, `${this.place}: ${name}`)])
  }

  /** The last call: a member that nobody has asked for is a misspelt one. */
  done(): void {
    const unknown = Object.keys(this.#value).find((name) => !this.#known.has(name))
    if (unknown === undefined) return
    throw new DescriptionError(`${this.place}: expected no "${unknown}"; known are ${[...this.#known].join(', ')}.`)
  }

  fail(name: string, expected: string, received: unknown): never {
    throw new DescriptionError(`${this.place}: expected ${name} to be ${expected}, received ${show(received)}.`)
  }

  #take(name: string, fallback: unknown): unknown {
    this.#known.add(name)
    return this.#value[name] ?? fallback
  }
}

export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DescriptionError(`${place}: expected JSON. ${(error as Error).message}`)
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
}
