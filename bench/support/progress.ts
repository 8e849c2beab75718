// What is going on, on stderr: a spinner on a terminal, else a line for each measured process.
import { createSpinner } from 'nanospinner'

export interface Step {
  update(text: string): void
  done(): void
  failed(): void
}

/** The spinner's own work must not disturb what is measured. */
const INTERVAL_MS = 250

export function beginStep(title: string): Step {
  const beginMs = performance.now()
  const took = () => `${((performance.now() - beginMs) / 1000).toFixed(1)} s`
  if (!process.stderr.isTTY) {
    return {
      update() {},
      done: () => void process.stderr.write(`${title}: ${took()}\n`),
      failed: () => void process.stderr.write(`${title}: failed after ${took()}\n`),
    }
  }
  const spinner = createSpinner(title, { interval: INTERVAL_MS, stream: process.stderr }).start()
  return {
    update: (text) => void spinner.update({ text: `${title}: ${text}` }),
    done: () => void spinner.success({ text: `${title}: ${took()}` }),
    failed: () => void spinner.error({ text: `${title}: failed after ${took()}` }),
  }
}
