// Other sandboxes that are installed, each started from Node.
import { COLD_RUN, POOL_FRESH } from '../contenders/families.js'
import { BARE_PIPE, FLOOR } from '../contenders/node.js'
import { PEERS } from '../contenders/peers.js'
import type { RoundsAnswer } from '../measure/tasks.js'
import { cgroup2Mount } from '../support/machine.js'
import { ms, times } from '../support/render.js'
import {
  absentTable,
  answerData,
  atLeast,
  atMost,
  type Context,
  figure,
  measure,
  PACES,
  ratio,
  type Scenario,
} from '../support/scenario.js'
import { barSvg } from '../support/svg.js'
import type { Chart, Check, Pace, Table } from '../support/types.js'

/** How many times as long as a cold sandbox of this package each should take, at least. */
const ASKED: Readonly<Record<string, Readonly<Record<Pace, number>>>> = {
  bwrap: { hot: 5, sparse: 4 },
  crun: { hot: 6, sparse: 6 },
  nsjail: { hot: 6, sparse: 6 },
  runc: { hot: 20, sparse: 20 },
}

/** A prefork server's box that is used again, to bare spawn: measured once, on this class of machine. */
const PREFORK: Readonly<Record<Pace, number>> = { hot: 1.4, sparse: 1 }

export const peers: Scenario = {
  name: 'peers',
  about: 'bwrap, crun, runc, firejail, unshare, systemd-nspawn, nsjail, isolate, minijail0, go-judge, if installed',
  async run(context) {
    const answer = await measure(context, 'peers', { family: 'peers', hot: 40, sparse: 25, warmUp: 5 })
    const groups = [answer]
    const crun = await crunApart(context, answer)
    if (crun) {
      groups.push(crun)
      answer.absent = answer.absent.filter(
        ({ name }) => name !== 'crun' || !crun.contenders.some((one) => one.name === name),
      )
    }
    const missing = PEERS.map(({ name }) => name).filter(
      (name) => !find(groups, name) && !answer.absent.some((one) => one.name === name),
    )
    return {
      data: { groups: groups.map((group) => answerData(group, context.samples)), missing },
      tables: [table(groups, missing), ...absentTable(answer, 'Installed, but does not start here')],
      charts: [chart(groups)],
      checks: checks(groups),
    }
  },
}

/** crun refuses hosts where cgroup v2 has a controller beside v1: it is measured where it does not see v2. */
async function crunApart(context: Context, answer: RoundsAnswer): Promise<RoundsAnswer | undefined> {
  const refused = answer.absent.some(({ name, why }) => name === 'crun' && why.includes('hybrid'))
  const v2 = cgroup2Mount()
  if (!refused || v2 === undefined) return undefined
  return measure(
    context,
    'crun, without the v2 hierarchy',
    { family: 'crun', hot: 40, sparse: 25, warmUp: 5 },
    { without: v2 },
  )
}

function find(groups: readonly RoundsAnswer[], name: string): RoundsAnswer | undefined {
  return groups.find((group) => group.contenders.some((contender) => contender.name === name))
}

/** To bare spawn in the same rounds; NaN where it was not measured. */
function toSpawn(groups: readonly RoundsAnswer[], name: string, pace: Pace): number {
  const group = find(groups, name)
  return group ? figure(group, name, pace) / figure(group, BARE_PIPE, pace) : Number.NaN
}

function table(groups: readonly RoundsAnswer[], missing: readonly string[]): Table {
  const names = groups.flatMap((group, at) =>
    group.contenders.map(({ name }) => name).filter((name) => at === 0 || name !== BARE_PIPE),
  )
  const rows = names.map((name) => {
    const figures = PACES.flatMap((pace) => {
      const cold = toSpawn(groups, name, pace) / toSpawn(groups, COLD_RUN, pace)
      return [
        ms(figure(find(groups, name) as RoundsAnswer, name, pace)),
        times(toSpawn(groups, name, pace)),
        times(cold),
      ]
    })
    return [name, ...figures, PEERS.find((peer) => peer.name === name)?.differs ?? '']
  })
  return {
    title: 'Other sandboxes, each started from Node by child_process.spawn with pipes',
    note: [
      'To cold: as a multiple of this package’s cold full sandbox. The last column says how their walls differ from its own.',
      ...(groups.length > 1
        ? ['crun is measured by a Node process that does not see cgroup v2, its ratios are to spawn in those rounds.']
        : []),
      ...(missing.length > 0 ? [`Not installed: ${missing.join(', ')}.`] : []),
    ].join(' '),
    columns: ['', 'hot', 'to spawn', 'to cold', 'sparse', 'to spawn', 'to cold', 'walls'],
    rows,
  }
}

function chart(groups: readonly RoundsAnswer[]): Chart {
  const names = groups
    .flatMap((group) => group.contenders.map(({ name }) => name))
    .filter((name, at, all) => name !== FLOOR && all.indexOf(name) === at)
  const rows = names.map((label) => ({ label, values: PACES.map((pace) => toSpawn(groups, label, pace)) }))
  const sorted = rows.sort((a, b) => (a.values[1] ?? 0) - (b.values[1] ?? 0))
  const title = 'Start to end from Node, to child_process.spawn'
  return {
    name: 'peers',
    svg: barSvg({ title, unit: 'times', series: ['back to back', '30 ms idle between'], groups: sorted, log: true }),
  }
}

function checks(groups: readonly RoundsAnswer[]): Check[] {
  const main = groups[0] as RoundsAnswer
  return PACES.flatMap((pace) => [
    ...Object.entries(ASKED).map(([name, least]) => {
      const factor = toSpawn(groups, name, pace) / ratio(main, COLD_RUN, pace)
      return atLeast(`cold full sandbox faster than ${name}, ${pace}`, factor, least[pace], times)
    }),
    // No such server is installed anywhere by a package: held against its recorded multiple of bare spawn.
    atMost(
      `cold, to spawn, as a prefork server's reused box was recorded, ${pace}`,
      ratio(main, COLD_RUN, pace),
      PREFORK[pace],
      times,
    ),
    atMost(`warm, to spawn, a quarter of that, ${pace}`, ratio(main, POOL_FRESH, pace), PREFORK[pace] / 4, times),
  ])
}
