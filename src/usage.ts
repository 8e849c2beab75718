// What a command used: the cgroups' figures where they were joined, the kernel's rusage otherwise.

import { type CgroupFigures, parseFigures } from './cgroup/figures.js'
import type { ExitedEvent } from './native.js'
import type { PlanHierarchy } from './plan-types.js'
import type { SandboxUsage } from './result-types.js'

/** Figures from the texts of an event, which come in the order of the plan's HOST_STAT records. */
export function figuresOf(cgroups: readonly PlanHierarchy[], texts: readonly string[]): CgroupFigures {
  const pairs: [string, string | undefined][] = []
  for (const { stats } of cgroups) {
    for (const { file } of stats) {
      const text = texts[pairs.length]
      // An optional file that the kernel lacks is reported as "", and so is an io.stat that nothing was counted in.
      pairs.push([file, text === '' && file !== 'io.stat' ? undefined : text])
    }
  }
  return parseFigures(pairs)
}

// The kernel counts resident pages per processor and adds up only now and then: of a tiny program it may know none.
const ONE_PAGE = 4096

/** Usage from an event and its figures. */
export function usageOf(event: ExitedEvent, figures: CgroupFigures): SandboxUsage {
  const userMs = event.userUs / 1e3
  const systemMs = event.systemUs / 1e3
  return {
    wallTimeMs: event.wallNs / 1e6,
    cpuTimeMs: figures.cpuMs ?? userMs + systemMs,
    userTimeMs: figures.userMs ?? userMs,
    systemTimeMs: figures.systemMs ?? systemMs,
    memoryPeakBytes: figures.memoryPeakBytes ?? Math.max(event.maxRssKib * 1024, ONE_PAGE),
    pidsPeak: figures.pidsPeak,
    readBytes: figures.readBytes ?? event.inBlocks * 512,
    writtenBytes: figures.writtenBytes ?? event.outBlocks * 512,
    majorFaults: event.majorFaults,
    voluntarySwitches: event.voluntarySwitches,
    involuntarySwitches: event.involuntarySwitches,
  }
}
