// Sandboxes refused by settings of the whole machine, which only a machine of the tests' own may have changed.
import { readFileSync, writeFileSync } from 'node:fs'
import type { HostReport } from 'cofferdam'
import * as assert from 'uvu/assert'
import { type Refusal, unprivilegedCaller } from '../support/caller.js'
import { anyUser, command, type Need, root } from '../support/host.js'
import { askOn } from '../support/hosts.js'
import { ownMachine } from '../support/kinds.js'
import { ASK, assertSound, row } from '../support/report.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('refusals by sysctl', { warmUp: true })

const NEEDS: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]
const options = { needs: NEEDS, only: ownMachine, timeoutMs: 60_000 }

const RUN = `return refusal(box().run('/true'))`

function set(t: TestContext, name: string, value: string): void {
  const file = `/proc/sys/${name.replaceAll('.', '/')}`
  const before = readFileSync(file, 'utf8')
  t.cleanUp(() => writeFileSync(file, before))
  writeFileSync(file, value)
}

/** The refusal names the setting and the command that lifts it, and doctor's row says the same. */
async function explained(setting: RegExp, remedy: RegExp, code: string, ordinary: boolean): Promise<void> {
  const refused = await askOn<Refusal>({ ordinary }, RUN)
  assert.equal([refused.name, refused.step, refused.code], ['SandboxSetupError', 'clone', code], refused.message)
  const report = await askOn<HostReport>({ ordinary }, ASK)
  assertSound(report)
  assert.not(report.defaultSandbox.starts)
  const { works, detail, remedy: told } = row(report, 'namespaces.user')
  assert.is(works, false)
  for (const text of [refused.hint, detail]) assert.match(text ?? '', setting)
  for (const text of [refused.hint, told]) assert.match(text ?? '', remedy)
}

test(
  'kernel.unprivileged_userns_clone=0 is named to an ordinary user, and root is not concerned',
  async (t) => {
    set(t, 'kernel.unprivileged_userns_clone', '0')
    await explained(
      /kernel\.unprivileged_userns_clone=0/,
      /`sudo sysctl -w kernel\.unprivileged_userns_clone=1`/,
      'EPERM',
      true,
    )
    assert.is((await askOn<Refusal>({}, RUN)).name, 'none')
  },
  options,
)

test(
  'user.max_user_namespaces=0 on the machine itself is named to everybody',
  async (t) => {
    set(t, 'user.max_user_namespaces', '0')
    for (const ordinary of [true, false]) {
      await explained(
        /user\.max_user_namespaces is 0/,
        /`sudo sysctl -w user\.max_user_namespaces=65536`/,
        'ENOSPC',
        ordinary,
      )
    }
  },
  options,
)

test(
  'once the settings are lifted sandboxes start again, in the same process too',
  async (t) => {
    const { box } = await import('../support/boxes.js')
    const { drainStock } = await import('../support/warm-up.js')
    set(t, 'user.max_user_namespaces', '0')
    drainStock()
    const refused = await box()
      .run('/true')
      .then(
        () => 'started',
        ({ code }) => code,
      )
    assert.is(refused, 'ENOSPC')
    writeFileSync('/proc/sys/user/max_user_namespaces', '10000')
    for (let i = 0; i < 3; i++) assert.ok((await box().run('/true')).ok)
  },
  options,
)

test.run()
