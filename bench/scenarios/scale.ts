// Whether a start costs more when many sandboxes live, and what those use.
import type { ScaleAnswer, ScaleLevel } from '../measure/tasks.js'
import { ms, times } from '../support/render.js'
import { atMost, PACE_TITLE, PACES, type Scenario } from '../support/scenario.js'
import { median, summarize } from '../support/statistics.js'
import { lineSvg } from '../support/svg.js'
import type { Pace } from '../support/types.js'

const LEVELS = [0, 10, 100, 1000, 3000]

export const scale: Scenario = {
  name: 'scale',
  about: 'with 10 to 3,000 sandboxes live: the next one, and the memory of each',
  async run(context) {
    const levels = context.quick ? LEVELS.filter((live) => live <= 100) : LEVELS
    const task = { levels, calls: { hot: context.scaled(60, 5), sparse: context.scaled(40, 5) } }
    const answer = await context.work('scale', 'scale', task)
    const of = (live: number, pace: Pace) =>
      median(answer.levels.find((level) => level.live === live)?.nextMs[pace] ?? [])
    const series = PACES.map((pace) => ({
      name: PACE_TITLE[pace],
      points: answer.levels.filter(({ live }) => live > 0).map(({ live }) => [live, of(live, pace)] as const),
    }))
    const titles = { title: 'The next cold sandbox', xTitle: 'sandboxes live', yTitle: 'ms, median' }
    return {
      data: context.samples ? answer : summed(answer),
      tables: [
        {
          title: 'The next cold run(), and the memory of each live sandbox, by how many live',
          note: skippedNote(answer),
          columns: [
            'live',
            'next, hot',
            'to the first',
            'next, sparse',
            'to the first',
            'init RSS',
            'init PSS',
            'Node',
            'kernel',
          ],
          rows: answer.levels.map((level) => row(level, of)),
        },
      ],
      charts: answer.levels.length > 2 ? [{ name: 'scale', svg: lineSvg({ ...titles, logX: true, series }) }] : [],
      checks: [
        ...PACES.map((pace) =>
          atMost(`the sandbox beside 1,000 live ones, to the first, ${pace}`, of(1000, pace) / of(0, pace), 1.2, times),
        ),
      ],
    }
  },
}

function row(
  { live, initRssKib, initPssKib, nodeRssKib, kernelKib }: ScaleLevel,
  of: (live: number, pace: Pace) => number,
) {
  const each = (kib: number) => (live === 0 ? '' : `${(kib / live).toFixed(1)} KiB`)
  return [
    `${live}`,
    ...PACES.flatMap((pace) => [ms(of(live, pace)), times(of(live, pace) / of(0, pace))]),
    ...[initRssKib, initPssKib, nodeRssKib, kernelKib].map(each),
  ]
}

function skippedNote({ skipped }: ScaleAnswer): string {
  const what =
    'RSS and PSS of the inits, growth of the Node process, growth of kernel memory on the whole machine, for each.'
  return [what, ...skipped.map(({ live, why }) => `${live} is left out: ${why}.`)].join(' ')
}

function summed({ levels, skipped }: ScaleAnswer) {
  const nextMs = (level: ScaleLevel) => Object.fromEntries(PACES.map((pace) => [pace, summarize(level.nextMs[pace])]))
  return { levels: levels.map((level) => ({ ...level, nextMs: nextMs(level) })), skipped }
}
