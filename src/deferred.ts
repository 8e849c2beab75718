// A promise that is settled by events, once; made only when somebody asks for it.

function ignore(): void {}

/** A promise and its settling. Whoever does not wait for it is not punished with an unhandled rejection. */
export class Deferred<T> {
  settled = false
  #promise: Promise<T> | undefined
  #resolve: ((value: T) => void) | undefined
  #reject: ((error: Error) => void) | undefined
  #value: T | undefined
  #error: (() => Error) | undefined

  get promise(): Promise<T> {
    if (this.#promise) return this.#promise
    const promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#promise = promise
    promise.catch(ignore)
    if (this.#error) this.#reject?.(this.#error())
    else if (this.settled) this.#resolve?.(this.#value as T)
    return promise
  }

  resolve(value: T): void {
    if (this.settled) return
    this.settled = true
    this.#value = value
    this.#resolve?.(value)
  }

  // Errors are made only where they are wanted: on the good way there is none, and they are dear.
  reject(error: () => Error): void {
    if (this.settled) return
    this.settled = true
    this.#error = error
    this.#reject?.(error())
  }
}
