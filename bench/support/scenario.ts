// What a scenario is, what it is given, and what most of them do with the answer.
import { BARE_IGNORE, BARE_PIPE, FLOOR } from '../contenders/node.js'
import type { Measured, RoundsAnswer, RoundsTask, TaskName, Tasks } from '../measure/tasks.js'
import { ms, times } from './render.js'
import { median, summarize } from './statistics.js'
import { barSvg } from './svg.js'
import type { Chart, Check, Findings, Heap, Pace, Programs, Samples, Table } from './types.js'
import type { WorkOptions } from './workers.js'

export interface Scenario {
  name: string
  /** One line for --help. */
  about: string
  run(context: Context): Promise<Findings>
}

export interface Context {
  programs: Programs
  quick: boolean
  /** Whether the data keeps every sample. */
  samples: boolean
  /** So many of an ordinary number of rounds as this run is to make. */
  scaled(rounds: number, least?: number): number
  work<Name extends TaskName>(
    title: string,
    name: Name,
    task: Omit<Tasks[Name]['task'], 'programs'>,
    options?: WorkOptions,
  ): Promise<Tasks[Name]['answer']>
}

export const PACES: readonly Pace[] = ['hot', 'sparse']
export const PACE_TITLE: Readonly<Record<Pace, string>> = { hot: 'back to back', sparse: '30 ms idle between' }

export function measure(
  context: Context,
  title: string,
  task: { family: string; hot: number; sparse: number; heapBytes?: number; warmUp?: number },
  options?: WorkOptions,
): Promise<RoundsAnswer> {
  const { family, hot, sparse, heapBytes = 0, warmUp = 30 } = task
  const calls = { hot: context.scaled(hot, 5), sparse: context.scaled(sparse, 3) }
  const rounds: Omit<RoundsTask, 'programs'> = { family, heapBytes, calls, warmUp: context.scaled(warmUp, 2) }
  return context.work(title, 'rounds', rounds, options)
}

/** The median in milliseconds; NaN for what was not measured. */
export function figure(answer: RoundsAnswer, name: string, pace: Pace, of: keyof Samples = 'totalMs'): number {
  return median(answer.contenders.find((contender) => contender.name === name)?.samples[pace][of] ?? [])
}

/** To Node's own spawn with the same streams, or to another contender. */
export function ratio(answer: RoundsAnswer, name: string, pace: Pace, to?: string): number {
  const baseline = to ?? answer.contenders.find((contender) => contender.name === name)?.baseline ?? ''
  return figure(answer, name, pace) / figure(answer, baseline, pace)
}

/** One table for each pace: medians, percentiles, ratios, and what the main thread has to do. */
export function paceTables(title: string, answer: RoundsAnswer, note?: string): Table[] {
  const floor = answer.contenders.some(({ name }) => name === FLOOR)
  const columns = ['', 'median', 'p95', 'p99', 'to spawn', ...(floor ? ['to floor'] : []), 'in the call', 'main thread']
  return PACES.map((pace) => ({
    title: `${title}, ${PACE_TITLE[pace]} (${heapText(answer.heap)})`,
    ...(note && pace === PACES[0] ? { note } : {}),
    columns,
    rows: answer.contenders.map(({ name, baseline, samples }) => {
      const { totalMs, callMs, busyMs } = samples[pace]
      const { median: middle, p95, p99 } = summarize(totalMs)
      const own = baseline === FLOOR
      const row = [name, ms(middle), ms(p95), ms(p99)]
      row.push(times(own ? middle / spawnMs(answer, pace) : ratio(answer, name, pace)))
      if (floor) row.push(times(ratio(answer, name, pace, FLOOR)))
      return [...row, own ? '' : ms(median(callMs)), own ? '' : ms(median(busyMs))]
    }),
  }))
}

function spawnMs(answer: RoundsAnswer, pace: Pace): number {
  return [BARE_IGNORE, BARE_PIPE].map((name) => figure(answer, name, pace)).find(Number.isFinite) ?? Number.NaN
}

/** Medians of both paces as bars. */
export function paceChart(name: string, title: string, answer: RoundsAnswer, log = false): Chart {
  const groups = answer.contenders.map((contender) => ({
    label: contender.name,
    values: PACES.map((pace) => median(contender.samples[pace].totalMs)),
  }))
  return {
    name,
    svg: barSvg({ title, unit: 'ms, median', series: PACES.map((pace) => PACE_TITLE[pace]), groups, log }),
  }
}

export function absentTable(answer: Pick<RoundsAnswer, 'absent'>, title: string): Table[] {
  if (answer.absent.length === 0) return []
  const rows = answer.absent.map(({ name, why }) => [name, why.split('\n').slice(-2).join(' ')])
  return [{ title, columns: ['', 'why'], rows }]
}

/** The answer with each list of samples summed up, or with all of them. */
export function answerData(answer: RoundsAnswer, all: boolean): unknown {
  if (all) return answer
  const summed = ({ samples, ...rest }: Measured) => ({
    ...rest,
    samples: Object.fromEntries(PACES.map((pace) => [pace, summedSamples(samples[pace])])),
  })
  return { ...answer, contenders: answer.contenders.map(summed) }
}

function summedSamples(samples: Samples): unknown {
  const entries = Object.entries(samples).filter(([, values]) => values.length > 0)
  return Object.fromEntries(entries.map(([name, values]) => [name, summarize(values)]))
}

export function heapText({ rssMib, hugePagesMib }: Heap): string {
  return `${rssMib} MiB resident, ${hugePagesMib} MiB of it in huge pages`
}

/** A figure held against the most that it may be. */
export function atMost(asked: string, value: number, limit: number, format: (value: number) => string): Check {
  const text = `${asked}: at most ${format(limit)}`
  if (!Number.isFinite(value)) return { asked: text, measured: 'nothing to measure it with here', met: undefined }
  return { asked: text, measured: format(value), met: value <= limit }
}

/** A figure held against the least that it may be. */
export function atLeast(asked: string, value: number, limit: number, format: (value: number) => string): Check {
  const check = atMost(asked, -value, -limit, (figure) => format(-figure))
  return { ...check, asked: check.asked.replace(': at most ', ': at least ') }
}
