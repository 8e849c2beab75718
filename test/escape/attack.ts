// What an attack is: a program that says whether it has won, the wall that it runs into, the reason for which it must fail
// there, and a control, in which that wall is missing and the same program wins, so that the test can fail.
import type { RunResult, Sandbox, SandboxResult } from 'cofferdam'
import type { Need } from '../support/host.js'
import type { Kind } from '../support/kinds.js'
import type { TestContext } from '../support/suite.js'

export type Filter = 'default' | 'strict' | 'off'
export type Identity = 'root' | 'user'

export interface Verdict {
  readonly won: boolean
  /** How it won, or why it lost: `mount: EPERM`, `violation mount`, `outcome pids-limit`. */
  readonly reason: string
}

/** Where an attack is made: the recipe that it has to break out of. */
export interface Scene {
  readonly t: TestContext
  readonly recipe: Sandbox
  readonly identity: Identity
}

export type Play = (scene: Scene) => Promise<Verdict>
export type Expected = string | RegExp
export type ByIdentity = Expected | Readonly<Record<Identity, Expected>>

export interface Control {
  /** What is missing in it: completes "it wins ...". */
  readonly how: string
  /** @default the recipe as it is */
  readonly weaken?: (recipe: Sandbox) => Sandbox
  /** @default the attack's own */
  readonly play?: Play
  /** @default 'user' */
  readonly identity?: Identity
  readonly needs?: readonly Need[]
  readonly only?: readonly Kind[]
}

export interface Attack {
  /** A CVE, or the cheat in a few words; unique. */
  readonly name: string
  readonly wall: string
  readonly play: Play
  /** The reason for which it must fail, by filter. What is left out makes no sense there. */
  readonly expect: Readonly<Partial<Record<Filter, ByIdentity>>>
  /** @default both */
  readonly identities?: readonly Identity[]
  /** A control, or the reason why there can be none: completes "no control: ...". */
  readonly control: Control | { readonly impossible: string }
  readonly needs?: readonly Need[]
  readonly only?: readonly Kind[]
  readonly timeoutMs?: number
}

export function lost(reason: string): Verdict {
  return { won: false, reason }
}

export function won(reason: string): Verdict {
  return { won: true, reason }
}

/** What the program's end says. */
export function verdictOf(result: RunResult): Verdict {
  return verdictOfEnd(result, result.stdout, result.stderr)
}

/** The same for one that was spawned. An end that says nothing has proved nothing: that is an error of the test. */
export function verdictOfEnd(result: SandboxResult, stdout: string, stderr = ''): Verdict {
  const said = spoken(stdout)
  if (said?.won) return said
  if (result.outcome === 'seccomp-violation') {
    const foreign = result.architecture === 'i386' || result.architecture === 'x32' ? ` of ${result.architecture}` : ''
    return lost(`violation ${result.syscall}${foreign}`)
  }
  if (result.outcome === 'signaled') return lost(`signal ${result.signal}`)
  if (result.outcome !== 'exited') return lost(`outcome ${result.outcome}`)
  if (said && result.exitCode === 1) return said
  throw new Error(`The attack proves nothing: ${result.explain()} ${stdout.slice(-500)} ${stderr}`)
}

/** What the program has printed; `undefined` when that is nothing. */
export function spoken(stdout: string): Verdict | undefined {
  const [, victory] = /^WON (.*)$/m.exec(stdout) ?? []
  if (victory !== undefined) return won(victory)
  const reasons = [...stdout.matchAll(/^LOST (.*)$/gm)].map(([, reason = '']) => reason)
  return reasons.length > 0 ? lost([...new Set(reasons)].join(', ')) : undefined
}

/** Several ways of one attack: won if one of them has. */
export function together(verdicts: readonly Verdict[]): Verdict {
  const reasons = [...new Set(verdicts.map(({ reason }) => reason))].sort()
  return verdicts.find((verdict) => verdict.won) ?? lost(reasons.join(', '))
}
