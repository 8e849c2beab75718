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
  const spinner =
    process.stdout.isTTY && !('CI' in process.env) ? createSpinner('', { stream: process.stdout }).start() : undefined

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
