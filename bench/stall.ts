// Measures for how long each contender keeps the event loop from turning: what any other task of the process feels.
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { BARE_IGNORE, BARE_PIPE, CONTENDERS, RUN, SPAWN_IGNORE } from './contenders.js'
import { growHeap } from './heap.js'
import { shuffled } from './statistics.js'
import type { StallAnswer, StallTask } from './tasks.js'

export const NOTHING = 'nothing (what the measurement itself costs)'

export async function measureStalls(task: StallTask): Promise<StallAnswer> {
  const heap = growHeap(task.heapBytes)
  const compared = [BARE_IGNORE, BARE_PIPE, SPAWN_IGNORE, RUN]
  const starts = Object.entries(CONTENDERS)
    .filter(([name]) => compared.includes(name))
    .map(([name, contender]) => ({ name, start: contender(task.programs) }))
  starts.push({ name: NOTHING, start: () => sleep(1) })
  for (const { start } of starts) for (let i = 0; i < 10; i++) await start()

  const longestStallMs: Record<string, number[]> = Object.fromEntries(starts.map(({ name }) => [name, []]))
  for (let round = 0; round < task.rounds; round++) {
    for (const { name, start } of shuffled(starts)) {
      await sleep(5)
      longestStallMs[name]?.push(await longestStall(start))
    }
  }
  return { heap, longestStallMs }
}

/** The loop turns as fast as it can; a turn that takes long is one in which something held it up. */
async function longestStall(start: () => Promise<void>): Promise<number> {
  let longest = 0
  let turning = true
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (turning) setImmediate(turn)
  }
  await new Promise((resolve) => setImmediate(resolve))
  last = performance.now()
  setImmediate(turn)
  await start()
  turning = false
  return Math.max(longest, performance.now() - last)
}
