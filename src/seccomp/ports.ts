// What gets round Landlock's rules for TCP ports, closed by the filter. Both are so on Linux 6.18:
//   - they hold for sockets of the protocol TCP alone. One of MPTCP or SMC falls back to TCP where the other side has only
//     that, and is asked about no port;
//   - a connection made by sending (TCP Fast Open, MSG_FASTOPEN) does not ask; TCP_FASTOPEN_CONNECT with connect(2) does.

import { constants } from 'node:os'
import { errnoAction, lets, severity } from './profile.js'
import type { Case, Decisions } from './resolve.js'
import { syscallNumbers } from './tables.js'

const { EOPNOTSUPP, EPROTONOSUPPORT } = constants.errno

/** The first of the protocols that are not IP's own: IPPROTO_SMC is 256, IPPROTO_MPTCP 262. */
const FIRST_NOT_IP = 256n
const MSG_FASTOPEN = 0x20000000n

/** Whether rules for ports are there: those of `landlock()`. */
export interface PortRules {
  readonly connectTcp?: unknown
  readonly bindTcp?: unknown
}

const refused: (index: number, mask: bigint | undefined, value: bigint, errno: number) => Case = (
  index,
  mask,
  value,
  errno,
) => ({
  conditions: [{ index, op: mask === undefined ? 'ge' : 'masked_eq', value, mask: mask ?? 0n }],
  action: errnoAction(errno),
})

// The protocol is 32 bits to the kernel: bits above make the comparison no less true.
const OTHER_PROTOCOL = refused(2, undefined, FIRST_NOT_IP, EPROTONOSUPPORT)
const FAST_OPEN: Readonly<Record<string, Case>> = {
  sendto: refused(3, MSG_FASTOPEN, MSG_FASTOPEN, EOPNOTSUPP),
  sendmsg: refused(2, MSG_FASTOPEN, MSG_FASTOPEN, EOPNOTSUPP),
  sendmmsg: refused(3, MSG_FASTOPEN, MSG_FASTOPEN, EOPNOTSUPP),
}

/** Which of the two a recipe needs closed. */
export function portsKey(rules: PortRules | undefined): 'all' | 'bind' | 'none' {
  if (rules?.connectTcp !== undefined) return 'all'
  return rules?.bindTcp === undefined ? 'none' : 'bind'
}

/** A filter's decisions with these refused; what a profile forbids more severely stays as it is. */
export function closePorts(decisions: Decisions, rules: PortRules | undefined): Decisions {
  const which = portsKey(rules)
  if (which === 'none') return decisions
  const numbers = syscallNumbers(decisions.machine.architecture)
  const known = new Map(decisions.known)
  const closed = Object.entries({ socket: OTHER_PROTOCOL, ...(which === 'all' ? FAST_OPEN : {}) })
  for (const [name, added] of closed) {
    const number = numbers.get(name) as number
    const decision = known.get(number)
    if (!decision || ![decision.otherwise, ...decision.cases.map(({ action }) => action)].some(lets)) continue
    const worse = decision.cases.filter(({ action }) => severity(action) > severity(added.action))
    const rest = decision.cases.filter((other) => !worse.includes(other))
    known.set(number, { ...decision, cases: [...worse, added, ...rest] })
  }
  return { ...decisions, known }
}
