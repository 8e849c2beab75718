// Shows what is being judged: a spinner that names it on a terminal, else one plain line for each that is done.
import { createSpinner } from 'nanospinner'

export interface Progress {
  started(name: string): void
  finished(name: string, line: string): void
  stop(): void
}

export function createProgress(total: number): Progress {
  const running = new Set<string>()
  let done = 0
  const spinner = isTerminal() ? createSpinner('', { stream: process.stdout }).start() : undefined

  const show = () => spinner?.update({ text: `${done}/${total} judged, running: ${[...running].join(', ')}` })

  return {
    started(name) {
      running.add(name)
      show()
    },
    finished(name, line) {
      running.delete(name)
      done += 1
      spinner?.clear()
      console.log(line)
      show()
    },
    stop() {
      spinner?.clear().stop()
    },
  }
}

/** One of known width: the spinner could not tell how many lines to erase. */
function isTerminal(): boolean {
  return process.stdout.isTTY && process.stdout.columns > 0 && !('CI' in process.env)
}
