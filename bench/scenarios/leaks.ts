// A great many sandboxes one by one and all at once, and what they have left.
import { grown, settledInventory, takeInventory } from '../support/inventory.js'
import type { Scenario } from '../support/scenario.js'
import type { Check, Inventory } from '../support/types.js'

export const leaks: Scenario = {
  name: 'leaks',
  about: '1,000 sandboxes in turn and 200 at once: what is left of them, before and after Node has ended',
  async run(context) {
    const [sequential, concurrent] = [context.scaled(1000, 10), context.scaled(200, 5)]
    const hostBefore = takeInventory()
    const answer = await context.work('what is left behind', 'leaks', { sequential, concurrent })
    const hostAfter = await settledInventory(hostBefore)
    const { before, after, sequentialMs, concurrentMs } = answer
    const rate = (count: number, tookMs: number) => `${Math.round(count / (tookMs / 1000))} a second`
    const names = Object.keys(before) as (keyof Inventory)[]
    return {
      data: { sequential, concurrent, ...answer, hostBefore, hostAfter },
      tables: [
        {
          title: `Left behind by ${sequential} in turn (${rate(sequential, sequentialMs)}) and ${concurrent} at once (${rate(concurrent, concurrentMs)})`,
          columns: ['', 'before', 'after', 'on the host before', 'when Node has ended'],
          rows: names.map((name) => [name, ...[before, after, hostBefore, hostAfter].map((found) => `${found[name]}`)]),
        },
      ],
      checks: [
        nothing(`left behind by ${sequential} sandboxes in turn and ${concurrent} at once`, before, after),
        nothing('left behind when the process that started them has ended', hostBefore, hostAfter),
      ],
    }
  },
}

function nothing(asked: string, left: Inventory, found: Inventory): Check {
  const more = grown(left, found).map((name) => `${found[name] - left[name]} ${name}`)
  return { asked: `${asked}: nothing`, measured: more.join(', ') || 'nothing', met: more.length === 0 }
}
