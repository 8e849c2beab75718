// A promise that is settled by events, once.

function ignore(): void {}

/** A promise and its settling. Whoever does not wait for it is not punished with an unhandled rejection. */
export class Deferred<T> {
  settled = false
  #resolve!: (value: T) => void
  #reject!: (error: Error) => void
  readonly promise = new Promise<T>((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })

  constructor() {
    this.promise.catch(ignore)
  }

  resolve(value: T): void {
    this.settled = true
    this.#resolve(value)
  }

  // Errors are made only where they are wanted: on the good way there is none, and they are dear.
  reject(error: () => Error): void {
    if (this.settled) return
    this.settled = true
    this.#reject(error())
  }
}
