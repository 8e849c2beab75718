// What a command that has init's own id could do to it, closed by the filter. A caller that is not root and has one id gives
// it to both: then the command may set limits on init, and make it so nice and so idle that nobody looks at the clocks.
// Where there are more ids init has one of its own, and the kernel refuses (rootfs/boot.ts).
//
// In a pid namespace of its own init is process 1 and leads group 1. The kernel takes 32 bits of each argument.

import { constants } from 'node:os'
import { errnoAction, lets, severity } from './profile.js'
import type { Case, Decisions } from './resolve.js'
import { syscallNumbers } from './tables.js'

const INT_BITS = 0xffffffffn
const ALL_BITS = 2n ** 64n - 1n
const INIT = 1n
/** Of setpriority(2) and of ioprio_set(2). */
const PRIO = { process: 0n, group: 1n, user: 2n }
const IOPRIO = { process: 1n, group: 2n, user: 3n }

const REFUSED = errnoAction(constants.errno.EPERM)

function when(...values: readonly bigint[]): Case {
  return {
    conditions: values.map((value, index) => ({ index, op: 'masked_eq', value, mask: INT_BITS })),
    action: REFUSED,
  }
}

const onInit = [when(INIT)]
const REACHING: Readonly<Record<string, readonly Case[]>> = {
  sched_setaffinity: onInit,
  sched_setscheduler: onInit,
  sched_setparam: onInit,
  sched_setattr: onInit,
  // With a new limit; asking is no harm, and prlimit(1) asks before it sets.
  prlimit64: [
    {
      conditions: [...when(INIT).conditions, { index: 2, op: 'ne', value: 0n, mask: ALL_BITS }],
      action: REFUSED,
    },
  ],
  setpriority: [when(PRIO.process, INIT), when(PRIO.group, INIT), when(PRIO.user)],
  ioprio_set: [when(IOPRIO.process, INIT), when(IOPRIO.group, INIT), when(IOPRIO.user)],
}

/** A filter's decisions with these refused, where the profile lets the call pass at all. */
export function guardInit(decisions: Decisions): Decisions {
  const numbers = syscallNumbers(decisions.machine.architecture)
  const known = new Map(decisions.known)
  for (const [name, added] of Object.entries(REACHING)) {
    const number = numbers.get(name) as number
    const decision = known.get(number)
    if (!decision || ![decision.otherwise, ...decision.cases.map(({ action }) => action)].some(lets)) continue
    const worse = decision.cases.filter(({ action }) => severity(action) > severity(REFUSED))
    const rest = decision.cases.filter((other) => !worse.includes(other))
    known.set(number, { ...decision, cases: [...worse, ...added, ...rest] })
  }
  return { ...decisions, known }
}
