// Whether a start costs more when Node's heap is large: fork copies page tables, this package does not fork.
import { BOX_RUN, COLD_RUN } from '../contenders/families.js'
import { BARE_PIPE } from '../contenders/node.js'
import type { RoundsAnswer } from '../measure/tasks.js'
import { availableBytes } from '../support/memory.js'
import { ms, times } from '../support/render.js'
import { answerData, atMost, figure, heapText, measure, PACES, ratio, type Scenario } from '../support/scenario.js'
import { lineSvg } from '../support/svg.js'
import type { Check, Table } from '../support/types.js'

const MIB = 2 ** 20
const SIZES_MIB = [0, 256, 1024, 4096]
const QUICK_SIZES_MIB = [0, 256, 1024]
/** What must stay free beside the heap: the rest of the machine's work, and the sandboxes. */
const SPARE_BYTES = 1024 * MIB

interface Sized {
  mib: number
  answer: RoundsAnswer
}

export const heap: Scenario = {
  name: 'heap',
  about: 'spawn, cold and open box with 0, 256 MiB, 1 GiB and 4 GiB of heap touched',
  async run(context) {
    const measured: Sized[] = []
    const skipped: string[] = []
    for (const mib of context.quick ? QUICK_SIZES_MIB : SIZES_MIB) {
      const free = availableBytes()
      if (mib * MIB + SPARE_BYTES > free) {
        skipped.push(`${mib} MiB is skipped: only ${Math.round(free / MIB)} MiB are free.`)
        continue
      }
      const calls = mib > 1024 ? 20 : 60
      const task = { family: 'heap', hot: calls, sparse: calls, heapBytes: mib * MIB, warmUp: 5 }
      measured.push({ mib, answer: await measure(context, `heap of ${mib} MiB`, task) })
    }
    return {
      data: {
        skipped,
        sizes: measured.map(({ mib, answer }) => ({ mib, ...(answerData(answer, context.samples) as object) })),
      },
      tables: [table(measured, skipped)],
      charts: [chart(measured)],
      checks: checks(measured),
    }
  },
}

function table(measured: readonly Sized[], skipped: readonly string[]): Table {
  const rows = measured.flatMap(({ mib, answer }) =>
    answer.contenders
      .filter(({ baseline }) => baseline === BARE_PIPE)
      .map(({ name }) => [
        `${mib}`,
        name,
        ...PACES.flatMap((pace) => [ms(figure(answer, name, pace)), times(ratio(answer, name, pace))]),
      ]),
  )
  return {
    title: 'Start to end by the size of the heap',
    note: [...measured.map(({ mib, answer }) => `${mib} MiB: ${heapText(answer.heap)}.`), ...skipped].join(' '),
    columns: ['MiB touched', '', 'hot', 'to spawn', 'sparse', 'to spawn'],
    rows,
  }
}

function chart(measured: readonly Sized[]) {
  const names = [BARE_PIPE, COLD_RUN, BOX_RUN]
  // Nothing is left of 1 on a logarithmic axis, and Node alone is about 50 MiB.
  const series = names.map((name) => ({
    name,
    points: measured.map(({ answer }) => [answer.heap.rssMib, figure(answer, name, 'sparse')] as const),
  }))
  const titles = {
    title: 'Start to end by resident memory of Node',
    xTitle: 'MiB resident',
    yTitle: 'ms, median, 30 ms idle between',
  }
  return { name: 'heap', svg: lineSvg({ ...titles, logX: true, logY: true, series }) }
}

function checks(measured: readonly Sized[]): Check[] {
  const of = (mib: number) => measured.find((size) => size.mib === mib)?.answer
  const [small, large] = [of(0), of(1024)]
  return PACES.flatMap((pace) => {
    const toSpawn = large ? ratio(large, COLD_RUN, pace) : Number.NaN
    const toSmall = small && large ? figure(large, COLD_RUN, pace) / figure(small, COLD_RUN, pace) : Number.NaN
    return [
      atMost(`cold full sandbox with a 1 GiB heap, to spawn, ${pace}`, toSpawn, 0.03, times),
      atMost(`cold full sandbox with a 1 GiB heap, to itself with a small one, ${pace}`, toSmall, 1.15, times),
    ]
  })
}
