// How long a start keeps the event loop from turning.
import { COLD_RUN } from '../contenders/families.js'
import { NEIGHBOUR } from '../measure/stall.js'
import type { StallAnswer } from '../measure/tasks.js'
import { ms } from '../support/render.js'
import { atMost, heapText, type Scenario } from '../support/scenario.js'
import { median, summarize } from '../support/statistics.js'
import { barSvg } from '../support/svg.js'
import type { Table } from '../support/types.js'

const GIB = 2 ** 30

export const eventLoop: Scenario = {
  name: 'event-loop',
  about: 'the longest delay of the event loop for each start, with a small heap and with 1 GiB',
  async run(context) {
    const small = await context.work('event loop, small heap', 'stall', {
      heapBytes: 0,
      rounds: context.scaled(150, 5),
    })
    const large = await context.work('event loop, 1 GiB', 'stall', { heapBytes: GIB, rounds: context.scaled(40, 3) })
    const groups = Object.keys(small.longestStallMs).map((label) => ({
      label,
      values: [small, large].map((answer) => median(answer.longestStallMs[label] ?? [])),
    }))
    const series = ['small heap', '1 GiB heap']
    return {
      data: context.samples ? { small, large } : { small: summed(small), large: summed(large) },
      tables: [table('small heap', small), table('1 GiB heap', large)],
      charts: [
        {
          name: 'event-loop',
          svg: barSvg({ title: 'Longest delay of the event loop', unit: 'ms, median', series, groups, log: true }),
        },
      ],
      checks: [small, large].map((answer, at) => {
        const [ours = Number.NaN, control = Number.NaN] = [COLD_RUN, NEIGHBOUR].map((name) =>
          median(answer.longestStallMs[name] ?? []),
        )
        return atMost(
          `longest delay of the event loop less that of the control, ${series[at]}`,
          ours - control,
          0.06,
          ms,
        )
      }),
    }
  },
}

function table(title: string, { heap, longestStallMs }: StallAnswer): Table {
  return {
    title: `Longest delay of the event loop for each start, ${title} (${heapText(heap)})`,
    columns: ['', 'median', 'p95', 'p99'],
    rows: Object.entries(longestStallMs).map(([name, values]) => {
      const { median: middle, p95, p99 } = summarize(values)
      return [name, ms(middle), ms(p95), ms(p99)]
    }),
  }
}

function summed({ heap, longestStallMs }: StallAnswer) {
  return {
    heap,
    longestStallMs: Object.fromEntries(
      Object.entries(longestStallMs).map(([name, values]) => [name, summarize(values)]),
    ),
  }
}
