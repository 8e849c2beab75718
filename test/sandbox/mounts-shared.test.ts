// The host's mounts and the sandbox's are apart also where the host's are shared, as they are under systemd: nothing that
// is mounted on one side propagates to the other.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'
import { plant, tree } from '../support/trees.js'

const test = suite('shared mounts', { warmUp: true })

/** A mount point of the host whose mounts are shared, with a directory in it to mount on. */
function sharedMount(t: TestContext): string {
  const directory = tree(t)
  // Not a tmpfs: before Linux 6.3 its ids cannot be mapped, and so it can be no upper.
  execFileSync('mount', ['--bind', directory, directory])
  t.cleanUp(() => execFileSync('umount', ['--recursive', directory]))
  execFileSync('mount', ['--make-shared', directory])
  return plant(directory, { spot: {}, probe: (path) => execFileSync('cp', [probe(), path]), upper: {} })
}

const hostMounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

// Each shows the shared mount at a path inside, and mounts something of the sandbox's own in it.
const USES: [what: string, recipe: (shared: string) => Sandbox, seen: string][] = [
  ['a bind', (shared) => box().bind(shared, '/seen').tmpfs('/seen/spot'), '/seen'],
  ['a writable bind', (shared) => box().bind(shared, '/seen', { writable: true }).tmpfs('/seen/spot'), '/seen'],
  ['a writable rootfs', (shared) => sandbox().rootfs(shared, { mode: 'writable' }).tmpfs('/spot'), '/'],
  ['a layer', (shared) => sandbox().rootfs([probeRootfs, shared]).tmpfs('/spot'), '/'],
  [
    'an upper',
    (shared) =>
      sandbox()
        .rootfs(probeRootfs, { upper: join(shared, 'upper') })
        .tmpfs('/spot'),
    '/',
  ],
]

for (const [what, make] of USES) {
  test(
    `what a sandbox mounts in ${what} does not appear on the host`,
    async (t) => {
      const recipe = make(sharedMount(t))
      const before = hostMounts()
      const child = await spawnProbe(t, recipe, ['say', 'ready', ',', 'cat'])
      await firstText(child.stdout)
      assert.is(hostMounts(), before)
      child.stdin?.end()
      await child.wait()
    },
    { needs: root },
  )
}

for (const [what, make, seen] of USES.slice(0, 3)) {
  test(
    `what the host mounts below ${what} later does not appear inside`,
    async (t) => {
      const shared = plant(sharedMount(t), { later: {} })
      const child = await spawnProbe(t, make(shared), ['say', 'ready', ',', 'cat', ',', 'ls', join(seen, 'later')])
      await firstText(child.stdout)
      execFileSync('mount', ['-t', 'tmpfs', 'none', join(shared, 'later')])
      plant(join(shared, 'later'), { secret: '' })
      const rest = text(child.stdout as Readable)
      child.stdin?.end()
      assert.is(await rest, '[]\n')
      assert.equal(readdirSync(join(shared, 'later')), ['secret'])
    },
    { needs: root },
  )
}

test.run()
