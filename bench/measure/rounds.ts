// The measurement that most scenarios share: contenders in interleaved rounds, in one process, at each pace.
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { FAMILIES } from '../contenders/families.js'
import { growHeap } from '../support/memory.js'
import { progress } from '../support/progress-line.js'
import { shuffled } from '../support/statistics.js'
import type { Pace, Samples, Starter, Trial } from '../support/types.js'
import type { Measured, RoundsAnswer, RoundsTask } from './tasks.js'

/**
 * How often a contender is called in a row, and the pause before each call. In a hot row the first call does not count:
 * it pays for what the contender before it has left for the kernel to tear down.
 */
const ROWS: Readonly<Record<Pace, { calls: number; uncounted: number; pauseMs: number }>> = {
  hot: { calls: 6, uncounted: 1, pauseMs: 0 },
  sparse: { calls: 1, uncounted: 0, pauseMs: 30 },
}

type Ready = Starter & Measured

export async function measureRounds(task: RoundsTask): Promise<RoundsAnswer> {
  const heap = growHeap(task.heapBytes)
  const { ready, absent } = await openFamily(task)
  try {
    for (const { start } of ready) for (let i = 0; i < task.warmUp; i++) await start()
    for (const pace of ['hot', 'sparse'] as const) await measurePace(ready, pace, task.calls[pace])
  } finally {
    for (const { close } of ready) await close?.()
  }
  const contenders = ready.map(({ name, baseline, samples }) => ({ name, baseline, samples }))
  return { heap, contenders, absent }
}

/** Those of a family that can be had here. */
export async function openFamily({
  family,
  programs,
}: Pick<RoundsTask, 'family' | 'programs'>): Promise<{ ready: Ready[]; absent: RoundsAnswer['absent'] }> {
  const ready: Ready[] = []
  const absent: RoundsAnswer['absent'] = []
  const contenders = FAMILIES[family]?.(programs)
  if (!contenders) throw new Error(`No family of contenders is called ${family}.`)
  for (const { name, baseline, open } of contenders) {
    try {
      const samples = { hot: noSamples(), sparse: noSamples() }
      ready.push({ name, baseline, samples, ...(await open(programs)) })
    } catch (error) {
      absent.push({ name, why: error instanceof Error ? error.message : String(error) })
    }
  }
  return { ready, absent }
}

async function measurePace(ready: readonly Ready[], pace: Pace, wanted: number): Promise<void> {
  const { calls, uncounted, pauseMs } = ROWS[pace]
  const rows = Math.ceil(wanted / (calls - uncounted))
  for (let row = 0; row < rows; row++) {
    progress(`${pace}, round ${row + 1} of ${rows}`)
    for (const { start, samples } of shuffled(ready)) {
      for (let call = 0; call < calls; call++) {
        if (pauseMs > 0) await sleep(pauseMs)
        await measure(start, call < uncounted ? undefined : samples[pace])
      }
    }
  }
}

async function measure(start: () => Promise<Trial | undefined>, samples: Samples | undefined): Promise<void> {
  const loopBefore = performance.eventLoopUtilization()
  const calledMs = performance.now()
  const end = start()
  const returnedMs = performance.now()
  const trial = await end
  const endedMs = performance.now()
  const loop = performance.eventLoopUtilization(loopBefore)
  if (!samples) return

  samples.totalMs.push(trial?.totalMs ?? endedMs - calledMs)
  samples.callMs.push(returnedMs - calledMs)
  samples.busyMs.push(loop.active)
  if (trial?.firstByteMs !== undefined) samples.firstByteMs.push(trial.firstByteMs)
}

function noSamples(): Samples {
  return { totalMs: [], callMs: [], busyMs: [], firstByteMs: [] }
}
