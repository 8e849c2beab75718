// How many programs a second, by how many are started at once.
import { BOX_RUN, COLD_RUN, CONCURRENCY_MAX, POOL_REUSE } from '../contenders/families.js'
import { BARE_PIPE } from '../contenders/node.js'
import type { ThroughputAnswer } from '../measure/tasks.js'
import { times } from '../support/render.js'
import { absentTable, atLeast, type Scenario } from '../support/scenario.js'
import { median } from '../support/statistics.js'
import { lineSvg } from '../support/svg.js'
import type { Table } from '../support/types.js'

const CONCURRENCY = [1, 2, 4, 8, 16, 32, CONCURRENCY_MAX]

export const throughput: Scenario = {
  name: 'throughput',
  about: 'programs a second at 1 to 64 at once: spawn, cold, open box, reused boxes',
  async run(context) {
    const task = {
      concurrency: context.quick ? [1, 4, 16] : CONCURRENCY,
      rounds: context.scaled(3, 1),
      windowMs: context.scaled(400, 40),
    }
    const answer = await context.work('throughput', 'throughput', task)
    const names = [...new Set(answer.perSecond.map(({ name }) => name))]
    const best = (name: string) => Math.max(...task.concurrency.map((at) => rate(answer, name, at)))
    const gain = (name: string) => best(name) / best(BARE_PIPE)
    const series = names.map((name) => ({
      name,
      points: task.concurrency.map((at) => [at, rate(answer, name, at)] as const),
    }))
    const titles = { title: 'Throughput', xTitle: 'programs at once', yTitle: 'programs a second' }
    return {
      data: answer,
      tables: [table(answer, names, task.concurrency, gain), ...absentTable(answer, 'Not measured')],
      charts: [{ name: 'throughput', svg: lineSvg({ ...titles, logX: true, series }) }],
      checks: [
        atLeast('throughput of cold full sandboxes, to spawn, each at its best', gain(COLD_RUN), 1.5, times),
        ...[BOX_RUN, POOL_REUSE].map((name) =>
          atLeast(`throughput of ${name}, to spawn, each at its best`, gain(name), 5, times),
        ),
      ],
    }
  },
}

function rate(answer: ThroughputAnswer, name: string, concurrency: number): number {
  return median(answer.perSecond.find((one) => one.name === name && one.concurrency === concurrency)?.figures ?? [])
}

function table(
  answer: ThroughputAnswer,
  names: readonly string[],
  concurrency: readonly number[],
  gain: (name: string) => number,
): Table {
  return {
    title: 'Programs a second, by how many at once',
    columns: ['', ...concurrency.map(String), 'best, to spawn'],
    rows: names.map((name) => [name, ...concurrency.map((at) => rate(answer, name, at).toFixed(0)), times(gain(name))]),
  }
}
