// The report as data, and as Markdown.
import { CONTENDERS } from './contenders.js'
import { median, percentile } from './statistics.js'
import { checkTargets, ratioToBaseline } from './targets.js'
import type { Heap, IdleAnswer, Inventory, LatencyAnswer, LeakAnswer, Pace, StallAnswer } from './tasks.js'

export interface Report {
  machine: string
  latency: LatencyGroup[]
  stalls: StallGroup[]
  idle: { sandboxes: number; answer: IdleAnswer }
  leaks: {
    sequential: number
    concurrent: number
    answer: LeakAnswer
    hostBefore: Inventory
    hostAfter: Inventory
  }
}

export interface LatencyGroup {
  title: string
  pace: Pace
  large: boolean
  answer: LatencyAnswer
}

export interface StallGroup {
  title: string
  answer: StallAnswer
}

export function renderReport(report: Report): string {
  return [
    '# Benchmark',
    report.machine,
    ...report.latency.map(renderLatency),
    ...report.stalls.map(renderStalls),
    renderIdle(report.idle),
    renderLeaks(report.leaks),
    renderTargets(report),
  ].join('\n\n')
}

function renderLatency(group: LatencyGroup): string {
  const { title, answer } = group
  const rows = Object.keys(CONTENDERS).map((name) => {
    const samples = answer.samples[name] ?? { totalMs: [], callMs: [], busyMs: [] }
    return [
      name,
      ms(median(samples.totalMs)),
      ms(percentile(samples.totalMs, 95)),
      `${ratioToBaseline(group, name).toFixed(3)}x`,
      ms(median(samples.callMs)),
      ms(median(samples.busyMs)),
    ]
  })
  return section(
    `Start to exit, ${title} (${heap(answer.heap)})`,
    ['', 'median', 'p95', 'to spawn with the same streams', 'of it in the call', 'of it on the main thread'],
    rows,
  )
}

function renderStalls({ title, answer }: StallGroup): string {
  const rows = Object.entries(answer.longestStallMs).map(([name, values]) => [
    name,
    ms(median(values)),
    ms(percentile(values, 95)),
  ])
  return section(`Longest delay of the event loop, ${title} (${heap(answer.heap)})`, ['', 'median', 'p95'], rows)
}

function renderIdle({ sandboxes, answer }: Report['idle']): string {
  const each = (kib: number) => `${(kib / sandboxes).toFixed(1)} KiB`
  return section(
    `An idle live sandbox beyond its command, ${sandboxes} of them`,
    ['', 'each'],
    [
      ['init, resident', each(answer.initRssKib)],
      ['init, proportional: what all of them share counted once', each(answer.initPssKib)],
      ['init, private', each(answer.initPrivateKib)],
      ['growth of the Node process', each(answer.nodeRssKib)],
      [
        "growth of kernel memory on the whole machine (not resident memory; with the command's own)",
        each(answer.kernelKib),
      ],
    ],
  )
}

function renderLeaks({ sequential, concurrent, answer }: Report['leaks']): string {
  const { before, after, sequentialMs, concurrentMs } = answer
  return section(
    `Left behind by ${sequential} sandboxes in turn (${rate(sequential, sequentialMs)}) and ${concurrent} at once (${rate(concurrent, concurrentMs)})`,
    ['', 'before', 'after'],
    Object.keys(before).map((name) => [
      name,
      `${before[name as keyof Inventory]}`,
      `${after[name as keyof Inventory]}`,
    ]),
  )
}

function renderTargets(report: Report): string {
  return section(
    'Targets',
    ['', 'measured', 'at most', ''],
    checkTargets(report).map(({ promise, measured, limit, met }) => [
      promise,
      measured,
      limit,
      met ? 'met' : '**missed**',
    ]),
  )
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = head.map((_, column) => (column === 0 ? '---' : '---:'))
  const lines = [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `## ${title}\n\n${lines.join('\n')}`
}

function heap({ rssMib, hugePagesMib }: Heap): string {
  return `${rssMib} MiB resident, ${hugePagesMib} MiB of it in huge pages`
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 3 : 1)} ms`
}

function rate(count: number, tookMs: number): string {
  return `${Math.round(count / (tookMs / 1000))} a second`
}
