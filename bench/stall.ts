// Measures for how long each contender keeps the event loop from turning: what any other task of the process feels.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BARE_IGNORE, BARE_PIPE, CONTENDERS, NEIGHBOUR, RUN, SPAWN_IGNORE } from './contenders.js'
import { growHeap } from './heap.js'
import { shuffled } from './statistics.js'
import type { StallAnswer, StallTask } from './tasks.js'

const WARM_UP = 50

const NOTHING = 'nothing'

export async function measureStalls(task: StallTask): Promise<StallAnswer> {
  const heap = growHeap(task.heapBytes)
  const compared = [BARE_IGNORE, BARE_PIPE, SPAWN_IGNORE, RUN]
  const starts = Object.entries(CONTENDERS)
    .filter(([name]) => compared.includes(name))
    .map(([name, contender]) => ({ name, start: contender(task.programs) }))
  const neighbour = startNeighbour(task)
  starts.push({ name: NEIGHBOUR, start: neighbour.start }, { name: NOTHING, start: () => sleep(1) })
  for (const { start } of starts) for (let i = 0; i < WARM_UP; i++) await start()

  const longestStallMs: Record<string, number[]> = Object.fromEntries(starts.map(({ name }) => [name, []]))
  for (let round = 0; round < task.rounds; round++) {
    for (const { name, start } of shuffled(starts)) {
      await sleep(5)
      longestStallMs[name]?.push(await longestStall(start))
    }
  }
  neighbour.end()
  return { heap, longestStallMs }
}

/** What the loop feels of a busy machine, whoever made it busy: the sandboxes are started elsewhere. */
function startNeighbour({ programs }: StallTask) {
  const module = fileURLToPath(new URL('neighbour.js', import.meta.url))
  const child = fork(module, [SPAWN_IGNORE, JSON.stringify(programs)])
  return {
    async start() {
      child.send('start')
      await once(child, 'message')
    },
    end: () => child.disconnect(),
  }
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
