// What the package promises, each as a figure of a report with its limit.
import { BASELINE, NEIGHBOUR, SPAWN_IGNORE } from './contenders.js'
import { grown } from './inventory.js'
import type { LatencyGroup, Report, StallGroup } from './report.js'
import { median } from './statistics.js'

export interface Target {
  promise: string
  measured: string
  limit: string
  met: boolean
}

export function checkTargets(report: Report): Target[] {
  return [
    // Back to back, two processors cannot make and remove sandboxes as fast as they are asked for: no promise there.
    ...report.latency.filter(({ pace, large }) => large || pace !== 'hot').map(startTarget),
    ...report.latency.map(callTarget),
    ...report.stalls.map(stallTarget),
    idleTarget(report),
    ...leakTargets(report),
  ]
}

function startTarget(group: LatencyGroup): Target {
  const limit = group.large ? 0.1 : 1.3
  const ratio = ratioToBaseline(group, SPAWN_IGNORE)
  return {
    promise: `cold full sandbox, start to exit, to child_process.spawn: ${group.title}`,
    measured: `${ratio.toFixed(group.large ? 3 : 2)}x`,
    limit: `${limit}x`,
    met: ratio <= limit,
  }
}

export function ratioToBaseline(group: LatencyGroup, contender: string): number {
  const figure = (name: string | undefined) => median(group.answer.samples[name ?? '']?.totalMs ?? [])
  return figure(contender) / figure(BASELINE[contender])
}

function callTarget(group: LatencyGroup): Target {
  const ms = median(group.answer.samples[SPAWN_IGNORE]?.callMs ?? [])
  return {
    promise: `main thread blocked, until spawn() returns: ${group.title}`,
    measured: `${ms.toFixed(3)} ms`,
    limit: '0.15 ms',
    met: ms <= 0.15,
  }
}

/** A busy machine delays the loop whoever started the sandboxes; what the main thread adds is the difference. */
function stallTarget({ title, answer }: StallGroup): Target {
  const [ours, control] = [SPAWN_IGNORE, NEIGHBOUR].map((name) => median(answer.longestStallMs[name] ?? []))
  const ms = (ours ?? Number.NaN) - (control ?? Number.NaN)
  return {
    promise: `main thread blocked, longest delay of the event loop less that of the control: ${title}`,
    measured: `${ours?.toFixed(3)} - ${control?.toFixed(3)} = ${ms.toFixed(3)} ms`,
    limit: '0.15 ms',
    met: ms <= 0.15,
  }
}

function idleTarget({ idle }: Report): Target {
  const kib = (idle.answer.initRssKib + idle.answer.nodeRssKib) / idle.sandboxes
  return {
    promise: 'resident memory of an idle live sandbox beyond its command, in init and in Node',
    measured: `${Math.round(kib)} KiB`,
    limit: '300 KiB',
    met: kib <= 300,
  }
}

function leakTargets({ leaks }: Report): Target[] {
  const { before, after } = leaks.answer
  const target = (promise: string, left: typeof before, found: typeof before): Target => {
    const more = grown(left, found).map((name) => `${found[name] - left[name]} ${name}`)
    return { promise, measured: more.join(', ') || 'nothing', limit: 'nothing', met: more.length === 0 }
  }
  return [
    target(`left behind by ${leaks.sequential} sandboxes in turn and ${leaks.concurrent} at once`, before, after),
    target('left behind when the process that started them has ended', leaks.hostBefore, leaks.hostAfter),
  ]
}
