// Measures how long each contender takes from the call to the exit, and how much of that the main thread is busy.
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { BASELINE, CONTENDERS } from './contenders.js'
import { growHeap } from './heap.js'
import { shuffled } from './statistics.js'
import type { LatencyAnswer, LatencyTask, Pace, Samples } from './tasks.js'

const WARM_UP = 50

/**
 * How often a contender is called in a row, and the pause before each call. In a hot row the first call does not count:
 * it carries what the contender before it left for the kernel to tear down. In turns each call of a contender comes after
 * two of what it is compared with, of which the first does not count, for the same reason.
 */
const ROWS: Readonly<Record<Pace, { calls: number; uncounted: number; pauseMs: number }>> = {
  turns: { calls: 1, uncounted: 0, pauseMs: 0 },
  hot: { calls: 6, uncounted: 1, pauseMs: 0 },
  sparse: { calls: 1, uncounted: 0, pauseMs: 30 },
}

export async function measureLatency(task: LatencyTask): Promise<LatencyAnswer> {
  const heap = growHeap(task.heapBytes)
  const starts = Object.entries(CONTENDERS).map(([name, contender]) => ({ name, start: contender(task.programs) }))
  for (const { start } of starts) for (let i = 0; i < WARM_UP; i++) await start()

  const samples: Record<string, Samples> = {}
  for (const { name } of starts) samples[name] = { totalMs: [], callMs: [], busyMs: [] }

  const { calls, uncounted, pauseMs } = ROWS[task.pace]
  const rows = Math.ceil(task.rounds / (calls - uncounted))
  for (let row = 0; row < rows; row++) {
    for (const { name, start } of shuffled(starts)) {
      if (task.pace === 'turns') {
        const baseline = BASELINE[name] ?? name
        const startBaseline = starts.find((other) => other.name === baseline)?.start ?? start
        await startBaseline()
        await measure(startBaseline, samples[baseline])
        if (baseline === name) continue
      }
      for (let call = 0; call < calls; call++) {
        if (pauseMs > 0) await sleep(pauseMs)
        await measure(start, call < uncounted ? undefined : samples[name])
      }
    }
  }
  return { heap, samples }
}

async function measure(start: () => Promise<void>, samples: Samples | undefined): Promise<void> {
  const loopBefore = performance.eventLoopUtilization()
  const calledMs = performance.now()
  const exit = start()
  const returnedMs = performance.now()
  await exit
  const exitedMs = performance.now()
  const loop = performance.eventLoopUtilization(loopBefore)

  samples?.totalMs.push(exitedMs - calledMs)
  samples?.callMs.push(returnedMs - calledMs)
  samples?.busyMs.push(loop.active)
}
