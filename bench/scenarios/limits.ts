// What limits by cgroup add: on v1 each controller is joined by a write that waits for a lock of the kernel.
import { UNLIMITED } from '../contenders/families.js'
import { absentTable, answerData, measure, paceChart, paceTables, type Scenario } from '../support/scenario.js'

export const limits: Scenario = {
  name: 'limits',
  about: 'the same with limits on memory, pids, cpu and CPU time: cold, open box, warm pool',
  async run(context) {
    const answer = await measure(context, 'limits', { family: 'limits', hot: 100, sparse: 50, warmUp: 10 })
    const note = `"${UNLIMITED}" has a cgroup v2 leaf where there is v2. See bench/README.md for v2 alone.`
    return {
      data: answerData(answer, context.samples),
      tables: [
        ...paceTables('With limits', answer, note),
        ...absentTable(answer, 'Limits that this host cannot enforce'),
      ],
      charts: [paceChart('limits', 'run() with limits', answer)],
    }
  },
}
