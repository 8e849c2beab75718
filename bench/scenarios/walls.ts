// The price list: what each wall adds, by this package and by the kernel alone.
import { BARE_PIPE, FLOOR } from '../contenders/node.js'
import type { RoundsAnswer } from '../measure/tasks.js'
import { ms, times } from '../support/render.js'
import {
  absentTable,
  answerData,
  figure,
  measure,
  PACES,
  paceChart,
  ratio,
  type Scenario,
} from '../support/scenario.js'
import type { Table } from '../support/types.js'

export const walls: Scenario = {
  name: 'walls',
  about: 'each wall on top of the one before, by this package; and each alone, by the kernel',
  async run(context) {
    const ours = await measure(context, 'walls, one by one', { family: 'walls', hot: 150, sparse: 60 })
    const kernel = await measure(context, 'walls, the kernel alone', { family: 'kernel', hot: 150, sparse: 60 })
    return {
      data: { ours: answerData(ours, context.samples), kernel: answerData(kernel, context.samples) },
      tables: [
        ourTable(ours),
        ...absentTable(ours, 'Walls not measured'),
        kernelTable(kernel),
        ...absentTable(kernel, 'Not measured'),
      ],
      charts: [
        paceChart('walls', 'Each wall on top of those above it, run()', ours),
        paceChart('walls-kernel', 'vfork + execve, and with one thing more each, in C', kernel),
      ],
    }
  },
}

function ourTable(answer: RoundsAnswer): Table {
  const added = (index: number, pace: (typeof PACES)[number]) => {
    const [before = '', name = ''] = [answer.contenders[index - 1]?.name, answer.contenders[index]?.name]
    return before === BARE_PIPE || index === 0 ? '' : signed(figure(answer, name, pace) - figure(answer, before, pace))
  }
  return {
    title: 'Each wall on top of those above it, medians of run()',
    note:
      'Back to back is what the wall costs in all, by the processors’ time; with idle time between, what is made ahead for a ' +
      'recipe in use (namespaces, /proc, /dev) is not waited for.',
    columns: ['', 'hot', 'added', 'to spawn', 'sparse', 'added', 'to spawn'],
    rows: answer.contenders.map(({ name }, index) => [
      name,
      ...PACES.flatMap((pace) => [
        ms(figure(answer, name, pace)),
        added(index, pace),
        times(ratio(answer, name, pace)),
      ]),
    ]),
  }
}

function kernelTable(answer: RoundsAnswer): Table {
  return {
    title: 'The kernel alone: clone3(CLONE_VM | CLONE_VFORK | ...), execve, wait, in C',
    note: 'No mount, no id map, no root: what is left is the price of the flag itself. The network is torn down later, by a kernel thread.',
    columns: ['', 'hot', 'added', 'sparse', 'added'],
    rows: answer.contenders.map(({ name }) => [
      name,
      ...PACES.flatMap((pace) => [
        ms(figure(answer, name, pace)),
        name === FLOOR ? '' : signed(figure(answer, name, pace) - figure(answer, FLOOR, pace)),
      ]),
    ]),
  }
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)} ms`
}
