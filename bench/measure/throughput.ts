// Measures how many programs a second end when so many are started at once, each followed by the next.
import { progress } from '../support/progress-line.js'
import { shuffled } from '../support/statistics.js'
import { openFamily } from './rounds.js'
import type { ThroughputAnswer, ThroughputTask } from './tasks.js'

const WARM_UP_MS = 150

export async function measureThroughput(task: ThroughputTask): Promise<ThroughputAnswer> {
  const { ready, absent } = await openFamily({ family: 'throughput', programs: task.programs })
  const cells = task.concurrency.flatMap((concurrency) =>
    ready.map(({ name, start }) => ({ name, concurrency, start, figures: [] as number[] })),
  )
  for (let round = 0; round < task.rounds; round++) {
    for (const [at, { start, concurrency, figures }] of shuffled(cells).entries()) {
      progress(`round ${round + 1} of ${task.rounds}, window ${at + 1} of ${cells.length}`)
      // What the cell before it has left is being torn down meanwhile.
      await runFor(WARM_UP_MS, concurrency, start)
      figures.push(await runFor(task.windowMs, concurrency, start))
    }
  }
  for (const { close } of ready) await close?.()
  return { perSecond: cells.map(({ name, concurrency, figures }) => ({ name, concurrency, figures })), absent }
}

/** The number that have ended a second, those included that the end of the window finds at work, with their time. */
async function runFor(windowMs: number, concurrency: number, start: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now()
  let ended = 0
  const work = async () => {
    do {
      await start()
      ended++
    } while (performance.now() - beginMs < windowMs)
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return ended / ((performance.now() - beginMs) / 1000)
}
