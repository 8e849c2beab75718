// checkHost() on hosts that permit less than this one: it finds the cause, names the remedy, and never throws.
import { existsSync } from 'node:fs'
import type { HostReport } from 'cofferdam'
import * as assert from 'uvu/assert'
import { unprivilegedCaller } from '../support/caller.js'
import { anyUser, command, type Need, root } from '../support/host.js'
import { askOn, type Host } from '../support/hosts.js'
import { ASK, assertSound, row } from '../support/report.js'
import { suite } from '../support/suite.js'

const test = suite('checkHost where it is refused')

const SPOILT: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]

for (const [who, ordinary] of [
  ['root', false],
  ['an ordinary user', true],
] as const) {
  const refused = (what: string, host: Host, check: (report: HostReport) => void) =>
    test(
      `${who}: ${what}`,
      async () => {
        const report = await askOn<HostReport>({ ...host, ordinary }, ASK)
        assertSound(report)
        assert.not(report.defaultSandbox.starts)
        check(report)
      },
      { needs: SPOILT },
    )

  refused('a filter that knows no clone3 is found, with the remedy', { filter: ['ENOSYS', 'clone3'] }, (report) => {
    const { works, code, detail, remedy } = row(report, 'clone3')
    assert.equal([works, code], [false, 'ENOSYS'])
    assert.match(detail ?? '', /seccomp filter/)
    assert.match(remedy ?? '', /seccomp|SystemCallFilter/)
    assert.ok(report.seccompFilter)
    assert.is(row(report, 'close-range').works, true)
  })
  refused(
    'where everything is refused everything is reported, and nothing throws',
    {
      filter: [
        'EPERM',
        'mount,pivot_root,unshare,open_tree,move_mount,mount_setattr,openat2,memfd_create,execveat,seccomp,landlock_create_ruleset,close_range',
      ],
    },
    (report) => {
      for (const name of [
        'close-range',
        'memfd-exec',
        'namespaces.user',
        'rootfs.proc',
        'rootfs.resolve-in-root',
        'seccomp',
        'landlock',
      ])
        assert.is(row(report, name).works, false, name)
      assert.equal(
        report.capabilities.filter(({ name, works }) => name.startsWith('limits.') && works).map(({ name }) => name),
        [],
      )
    },
  )
  refused('a filter that kills is told from one that answers', { filter: ['KILL', 'mount'] }, (report) => {
    assert.match(row(report, 'namespaces.user').detail ?? '', /was killed/)
    assert.is(row(report, 'clone3').works, true)
  })
  refused(
    'a host without user namespaces names the sysctl, in the row and among the settings',
    { unshare: ['--user', '--mount'], ids: 200_000, prepare: 'echo 0 > /proc/sys/user/max_user_namespaces' },
    (report) => {
      assert.is(report.settings['user.max_user_namespaces'], 0)
      const { works, code, detail, remedy } = row(report, 'namespaces.user')
      assert.equal([works, code], [false, 'ENOSPC'])
      assert.match(detail ?? '', /user\.max_user_namespaces is 0/)
      assert.match(remedy ?? '', /sysctl -w user\.max_user_namespaces/)
      assert.is(row(report, 'namespaces.net').works, undefined)
    },
  )
  refused('a masked /proc is found by mounting one', { prepare: 'mount --bind /proc/sys /proc/sys' }, (report) => {
    const { works, detail } = row(report, 'rootfs.proc')
    assert.is(works, false)
    assert.match(detail ?? '', /Parts of \/proc are masked/)
    assert.is(row(report, 'namespaces.user').works, true)
  })
}

test(
  'on a host without /bin/true the sandbox works, and the verdict names the program',
  async () => {
    const hide =
      'mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/mnt/u,workdir=/mnt/w /usr/bin && rm /usr/bin/true'
    const prepare = `mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w && ${hide}`
    const report = await askOn<HostReport>({ prepare }, ASK)
    assertSound(report)
    assert.not(report.defaultSandbox.starts)
    assert.match(report.defaultSandbox.reason ?? '', /step 'exec' failed with ENOENT .*: true\.$/)
    assert.match(report.defaultSandbox.remedy ?? '', /No such program in the sandbox/)
    assert.is(row(report, 'namespaces.mount').works, true)
  },
  { needs: [...SPOILT, () => (existsSync('/usr/bin/true') ? undefined : 'needs /usr/bin/true')] },
)

test.run()
