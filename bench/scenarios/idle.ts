// What a sandbox costs in memory while its command sleeps.
import type { IdleAnswer } from '../measure/tasks.js'
import { atMost, type Scenario } from '../support/scenario.js'
import type { Table } from '../support/types.js'

const SANDBOXES = 50
const kib = (value: number) => `${value.toFixed(1)} KiB`

export const idle: Scenario = {
  name: 'idle',
  about: 'resident memory of a live sandbox whose command sleeps',
  async run(context) {
    const answer = await context.work('idle sandboxes', 'idle', { sandboxes: SANDBOXES })
    const each = (answer.initRssKib + answer.nodeRssKib) / SANDBOXES
    return {
      data: { sandboxes: SANDBOXES, ...answer },
      tables: [table(answer)],
      checks: [atMost('resident memory of an idle live sandbox, in init and in Node', each, 200, kib)],
    }
  },
}

function table(answer: IdleAnswer): Table {
  const row = (what: string, sum: number) => [what, kib(sum / SANDBOXES)]
  return {
    title: `An idle live sandbox beyond its command, ${SANDBOXES} of them`,
    columns: ['', 'each'],
    rows: [
      row('init, resident', answer.initRssKib),
      row('init, proportional: what all of them share counted once', answer.initPssKib),
      row('init, private', answer.initPrivateKib),
      row('growth of the Node process', answer.nodeRssKib),
      row("growth of kernel memory on the whole machine, with the command's own", answer.kernelKib),
    ],
  }
}
