// From the call to the end: Node's own spawn, the package's ways, the kernel's floor; and to the first byte of output.
import { COLD_RUN, COLD_SPAWN_PIPE, POOL_FRESH, POOL_REUSE } from '../contenders/families.js'
import { BARE_PIPE, FLOOR } from '../contenders/node.js'
import type { RoundsAnswer } from '../measure/tasks.js'
import { ms, times } from '../support/render.js'
import {
  absentTable,
  answerData,
  atMost,
  figure,
  measure,
  PACE_TITLE,
  PACES,
  paceChart,
  paceTables,
  ratio,
  type Scenario,
} from '../support/scenario.js'
import { median, summarize } from '../support/statistics.js'
import type { Check, Table } from '../support/types.js'

export const latency: Scenario = {
  name: 'latency',
  about: 'from the call to the end and to the first byte: spawn, cold, open box, warm pool, floor',
  async run(context) {
    const answer = await measure(context, 'start to end', { family: 'latency', hot: 300, sparse: 150 })
    const bytes = await measure(context, 'first byte', { family: 'first-byte', hot: 150, sparse: 80 })
    return {
      data: { startToEnd: answerData(answer, context.samples), firstByte: answerData(bytes, context.samples) },
      tables: [
        ...paceTables('Start to end', answer),
        ...absentTable(answer, 'Not measured'),
        ...PACES.map((pace) => firstByteTable(bytes, pace)),
      ],
      charts: [paceChart('latency', 'Start to end of a program that does nothing', answer)],
      checks: checks(answer),
    }
  },
}

function firstByteTable(answer: RoundsAnswer, pace: (typeof PACES)[number]): Table {
  const rows = answer.contenders.map(({ name, samples }) => {
    const first = summarize(samples[pace].firstByteMs)
    const toSpawn = first.median / figure(answer, BARE_PIPE, pace, 'firstByteMs')
    const end = [ms(median(samples[pace].totalMs)), times(ratio(answer, name, pace))]
    return [name, ms(first.median), ms(first.p95), ms(first.p99), times(toSpawn), ...end]
  })
  const columns = ['', 'first byte', 'p95', 'p99', 'to spawn', 'result', 'to spawn']
  return { title: `To the first byte of output, and to the result, ${PACE_TITLE[pace]}`, columns, rows }
}

function checks(answer: RoundsAnswer): Check[] {
  return [
    ...PACES.flatMap((pace) => [
      atMost(`cold full sandbox, captured, to spawn, ${pace}`, ratio(answer, COLD_RUN, pace), 0.75, times),
      ...[POOL_FRESH, POOL_REUSE].flatMap((name) => [
        atMost(`${name}, to spawn, ${pace}`, ratio(answer, name, pace), 0.22, times),
        atMost(`${name}, to the C floor, ${pace}`, ratio(answer, name, pace, FLOOR), 1.7, times),
      ]),
    ]),
    ...PACES.flatMap((pace) =>
      [COLD_SPAWN_PIPE, COLD_RUN, POOL_FRESH].map((name) =>
        atMost(
          `main thread blocked until the call returns: ${name}, ${pace}`,
          figure(answer, name, pace, 'callMs'),
          0.06,
          ms,
        ),
      ),
    ),
    ...PACES.map((pace) => {
      const { p99, median: middle } = summarize(cold(answer)?.samples[pace].totalMs ?? [])
      return atMost(`${COLD_RUN}, p99 to median, ${pace}`, p99 / middle, 3, times)
    }),
  ]
}

function cold(answer: RoundsAnswer) {
  return answer.contenders.find(({ name }) => name === COLD_RUN)
}
