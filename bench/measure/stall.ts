// Measures for how long each contender keeps the event loop from turning: what any other task of the process feels.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { growHeap } from '../support/memory.js'
import { progress } from '../support/progress-line.js'
import { shuffled } from '../support/statistics.js'
import { openFamily } from './rounds.js'
import type { StallAnswer, StallTask } from './tasks.js'

const WARM_UP = 30

/** The control: no contender, since it is not the measured process that starts anything. */
export const NEIGHBOUR = 'cold: run(), by another process'
const NOTHING = 'nothing'

export async function measureStalls(task: StallTask): Promise<StallAnswer> {
  const heap = growHeap(task.heapBytes)
  const { ready } = await openFamily({ family: 'stall', programs: task.programs })
  const neighbour = startNeighbour(task)
  const starts: { name: string; start: () => Promise<unknown> }[] = [
    ...ready,
    { name: NEIGHBOUR, start: neighbour.start },
    { name: NOTHING, start: () => sleep(1) },
  ]
  for (const { start } of starts) for (let i = 0; i < WARM_UP; i++) await start()

  const longestStallMs: Record<string, number[]> = Object.fromEntries(starts.map(({ name }) => [name, []]))
  for (let round = 0; round < task.rounds; round++) {
    progress(`round ${round + 1} of ${task.rounds}`)
    for (const { name, start } of shuffled(starts)) {
      await sleep(5)
      longestStallMs[name]?.push(await longestStall(start))
    }
  }
  neighbour.end()
  for (const { close } of ready) await close?.()
  return { heap, longestStallMs }
}

/** What the loop feels of a busy machine, whoever made it busy: the sandboxes are started elsewhere. */
function startNeighbour({ programs }: StallTask) {
  const module = fileURLToPath(new URL('../support/neighbour.js', import.meta.url))
  const child = fork(module, [JSON.stringify(programs)])
  return {
    async start() {
      child.send('start')
      await once(child, 'message')
    },
    end: () => child.disconnect(),
  }
}

/** The loop turns as fast as it can; a turn that takes long is one in which something held it up. */
async function longestStall(start: () => Promise<unknown>): Promise<number> {
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
