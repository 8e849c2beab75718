// What a terminal shows, and waiting for it: for tests that type and look.
import type { Readable } from 'node:stream'
import type { TerminalProcess } from 'cofferdam'

/** All that a terminal has shown so far. */
export class Screen {
  text = ''
  #ended = false
  #read = 0
  #look: (() => void) | undefined

  constructor(stdout: Readable) {
    stdout.setEncoding('utf8')
    stdout.on('data', (chunk: string) => {
      this.text += chunk
      this.#look?.()
    })
    stdout.on('close', () => {
      this.#ended = true
      this.#look?.()
    })
  }

  /** Resolves with the match once it is shown, after what was waited for before; rejects when the terminal ends first. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text.slice(this.#read))
      if (found) {
        this.#read += found.index + found[0].length
        return found
      }
      if (this.#ended) throw new Error(`${pattern} was not shown: ${JSON.stringify(this.text)}`)
      await new Promise<void>((done) => {
        this.#look = done
      })
    }
  }

  /** Types a line, and resolves with what it makes the program show. */
  async ask(child: TerminalProcess, line: string, pattern: RegExp): Promise<RegExpExecArray> {
    child.stdin.write(`${line}\n`)
    return this.until(pattern)
  }

  /** Resolves with all of it, at the end. */
  async all(): Promise<string> {
    while (!this.#ended)
      await new Promise<void>((done) => {
        this.#look = done
      })
    return this.text
  }
}
