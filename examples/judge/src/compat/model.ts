// The requests of go-judge's API, as data that has been looked at: what cannot be done is refused before anything is run,
// with its place, what was expected there and what was received. Members that are not known are left alone, as go-judge
// does; those that are known and cannot be had here (a terminal, streams over /stream, dumps to the host) are refused.

/** A mistake in a request: 400. */
export class RequestError extends Error {}

export type InputFile = { content: string } | { fileId: string } | { src: string }
export type CopyIn = InputFile | { symlink: string }

/** Collects what a descriptor says. */
export interface Collector {
  name: string
  max: number
}

/** What a command's descriptor is: an input, a collector, one end of a pipe, or nothing. */
export type Descriptor = { input: InputFile } | { collector: Collector } | 'pipe' | 'none'

export interface Command {
  args: [file: string, ...args: string[]]
  env: Record<string, string>
  descriptors: [stdin: Descriptor, stdout: Descriptor, stderr: Descriptor]
  /** Milliseconds; `undefined` for the service's own limit, as with the others. */
  cpuTimeMs: number | undefined
  wallTimeMs: number | undefined
  memoryBytes: number | undefined
  stackBytes: number | undefined
  pids: number | undefined
  cpu: number | undefined
  cpuset: string | undefined
  /** By paths below the working directory. */
  copyIn: Map<string, CopyIn>
  copyOut: CopyOut[]
  copyOutMaxBytes: number | undefined
  copyOutTruncate: boolean
}

export interface CopyOut {
  path: string
  optional: boolean
  /** Whether it stays here, and its id is the answer. */
  cached: boolean
}

export interface Pipe {
  from: { index: number; fd: 1 | 2 }
  to: { index: number }
  /** Whether what comes after the reader's end is read and dropped, instead of failing the writer. */
  proxy: boolean
  /** What passed through, as a file of the writer's. */
  collector: Collector | undefined
}

export interface RunRequest {
  requestId: string
  commands: Command[]
  pipes: Pipe[]
}

/** A value and its place, for messages. */
export class Value {
  constructor(
    readonly value: unknown,
    readonly place: string,
  ) {}

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null
  }

  member(name: string): Value {
    const object = this.value as Record<string, unknown>
    return new Value(
      Object.hasOwn(object, name) ? object[name] : undefined,
      this.place ? `${this.place}.${name}` : name,
    )
  }

  object(): this {
    const isObject = typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value)
    return isObject ? this : this.fail('an object')
  }

  list(maximum: number): Value[] {
    if (this.isAbsent) return []
    if (!Array.isArray(this.value)) return this.fail('a list')
    if (this.value.length > maximum) return this.fail(`a list of at most ${maximum}`, `${this.value.length} members`)
    return this.value.map((value, i) => new Value(value, `${this.place}[${i}]`))
  }

  entries(maximum: number): [string, Value][] {
    if (this.isAbsent) return []
    const entries = Object.entries(this.object().value as Record<string, unknown>)
    if (entries.length > maximum) return this.fail(`at most ${maximum} members`, `${entries.length} members`)
    return entries.map(([name, value]) => [
      name,
      new Value(value, `${this.place}[${JSON.stringify(name.slice(0, 80))}]`),
    ])
  }

  text(): string {
    if (typeof this.value !== 'string') return this.fail('a text')
    return this.value.includes('\0') ? this.fail('a text without zero bytes') : this.value
  }

  bytes(): string {
    return typeof this.value === 'string' ? this.value : this.fail('a text')
  }

  flag(): boolean {
    if (this.isAbsent) return false
    return typeof this.value === 'boolean' ? this.value : this.fail('true or false')
  }

  /** A whole number; 0 and nothing mean that none is given, as in Go. */
  amount(maximum = Number.MAX_SAFE_INTEGER): number | undefined {
    if (this.isAbsent || this.value === 0) return undefined
    return this.integer(0, maximum)
  }

  integer(minimum: number, maximum: number): number {
    const { value } = this
    if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value
    return this.fail(`a whole number from ${minimum} to ${maximum}`)
  }

  fail(expected: string, received = show(this.value)): never {
    throw new RequestError(`Expected ${this.place || 'the request'} to be ${expected}, received ${received}.`)
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
}
