// Makes tests of attacks: each is tried in every recipe it is meant for, as root and as an ordinary user inside, and must
// fail for its reason; then it is tried in its control, and must win.
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'
import type { Attack, ByIdentity, Control, Expected, Filter, Identity } from './attack.js'
import { attackRoot } from './stage.js'

const FILTERS: readonly Filter[] = ['default', 'strict', 'off']
const IDENTITIES: readonly Identity[] = ['root', 'user']

export function runAttacks(topic: string, attacks: readonly Attack[]): void {
  attackRoot() // before a test can be blamed for it
  const test = suite(`escape: ${topic}`, { warmUp: true })
  for (const attack of attacks) {
    const { name, control, needs = [], only = [], timeoutMs = 60_000 } = attack
    test(`${name} fails`, (t) => tryAll(t, attack), { needs, only, timeoutMs })
    if ('impossible' in control) continue
    test(`${name} wins ${control.how}`, (t) => tryControl(t, attack, control), {
      needs: [...needs, ...(control.needs ?? [])],
      only: [...only, ...(control.only ?? [])],
      timeoutMs,
    })
  }
  test.run()
}

async function tryAll(t: TestContext, { play, expect, identities = IDENTITIES }: Attack): Promise<void> {
  const failures: string[] = []
  for (const filter of FILTERS) {
    const expected = expect[filter]
    if (expected === undefined) continue
    for (const identity of identities) {
      const where = `seccomp('${filter}') as ${identity} inside`
      const wanted = of(expected, identity)
      const { won, reason } = await play({ t, recipe: recipe(filter, identity), identity })
      if (won) failures.push(`IT WINS, ${where}: ${reason}`)
      else if (!matches(wanted, reason)) failures.push(`${where}: expected ${wanted}, received ${reason}`)
    }
  }
  assert.equal(failures, [])
}

async function tryControl(t: TestContext, attack: Attack, control: Control): Promise<void> {
  const { identity = 'user', weaken = (same: Sandbox) => same, play = attack.play } = control
  const { won, reason } = await play({ t, recipe: weaken(recipe('default', identity)), identity })
  assert.ok(won, `It must win ${control.how}, and fails: ${reason}`)
}

/** What an attack has to break out of: every default, and an end, whatever happens. */
function recipe(filter: Filter, identity: Identity): Sandbox {
  const base = sandbox()
    .rootfs(attackRoot())
    .seccomp(filter)
    .limits({ wallTime: atMost(20_000) })
  return identity === 'root' ? base.user(0) : base
}

function of(expected: ByIdentity, identity: Identity): Expected {
  return typeof expected === 'string' || expected instanceof RegExp ? expected : expected[identity]
}

function matches(expected: Expected, reason: string): boolean {
  return typeof expected === 'string' ? expected === reason : expected.test(reason)
}
