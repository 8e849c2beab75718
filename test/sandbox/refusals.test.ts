// Hosts that refuse: each refusal is a typed error whose hint names the cause and what lifts it, and nothing is left.
import * as assert from 'uvu/assert'
import { type Refusal, unprivilegedCaller } from '../support/caller.js'
import { runNode } from '../support/child.js'
import { anyUser, command, type Need, root } from '../support/host.js'
import { askOn, type Host, refusalOn } from '../support/hosts.js'
import { type Kind, kernelFrom } from '../support/kinds.js'
import { suite } from '../support/suite.js'

const test = suite('refusals', { warmUp: true })

const NEEDS: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]

/** A hint that only a look at the host could give: its cause, and its remedy. */
function explains(refusal: Refusal, at: readonly [step: string, code: string], cause: RegExp, remedy: RegExp): void {
  assert.equal([refusal.name, refusal.step, refusal.code], ['SandboxSetupError', ...at], JSON.stringify(refusal))
  assert.match(refusal.hint ?? '', cause)
  assert.match(refusal.hint ?? '', remedy)
  assert.ok(refusal.message?.endsWith(refusal.hint ?? '?'))
}

const CALLERS = [
  ['root', false],
  ['an ordinary user', true],
] as const

for (const [who, ordinary] of CALLERS) {
  const refused = (
    name: string,
    host: Host,
    at: readonly [step: string, code: string],
    cause: RegExp,
    remedy: RegExp,
    only?: Kind,
  ) =>
    test(`${who}: ${name}`, async () => explains(await refusalOn({ ...host, ordinary }), at, cause, remedy), {
      needs: NEEDS,
      ...(only && { only }),
    })

  refused(
    'user.max_user_namespaces=0 is named, with the sysctl that lifts it',
    { unshare: ['--user', '--mount'], ids: 200_000, prepare: 'echo 0 > /proc/sys/user/max_user_namespaces' },
    ['clone', 'ENOSPC'],
    /no new user namespaces: user\.max_user_namespaces is 0/,
    /`sudo sysctl -w user\.max_user_namespaces=65536`/,
  )
  refused(
    'user.max_time_namespaces=0 is told from that of another namespace',
    { unshare: ['--user', '--mount'], ids: 200_000, prepare: 'echo 0 > /proc/sys/user/max_time_namespaces' },
    ['clone', 'ENOSPC'],
    /no new time namespaces: user\.max_time_namespaces is 0/,
    /sysctl -w user\.max_time_namespaces=65536/,
  )
  refused(
    'clone3 that an outer filter answers with ENOSYS is the filter, since the kernel has it',
    { filter: ['ENOSYS', 'clone3'] },
    ['clone', 'ENOSYS'],
    /seccomp filter around this process answers ENOSYS to clone3/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    'clone3 that an outer filter answers with EPERM, where namespaces are asked for, is the filter, too',
    { kernel: 'EPERM' },
    ['clone', 'EPERM'],
    /seccomp filter around this process answers EPERM to clone3/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    'mounts that an outer filter forbids',
    { filter: ['EPERM', 'mount'] },
    ['private-mounts', 'EPERM'],
    /a seccomp filter\) answers EPERM to the mounts of step 'private-mounts'/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    'pivot_root that an outer filter forbids',
    { filter: ['EPERM', 'pivot_root'] },
    ['switch', 'EPERM'],
    /a seccomp filter\) answers EPERM/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    'mount_setattr that an outer filter does not know',
    { filter: ['ENOSYS', 'mount_setattr'] },
    // Root's /dev is the first mount that is given attributes, an ordinary user's a mask in /proc.
    [ordinary ? 'mask' : 'bind-source', 'ENOSYS'],
    /a seccomp filter\) answers ENOSYS/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    'unshare that an outer filter forbids, by which the cgroup namespace is made',
    { filter: ['EPERM', 'unshare'] },
    ['cgroup-namespace', 'EPERM'],
    /answers EPERM to a call of step 'cgroup-namespace'/,
    /seccomp=unconfined|Unconfined|SystemCallFilter/,
  )
  refused(
    "without a keyring of its own nothing is started, for the caller's would be inherited",
    { filter: ['EDQUOT', 'keyctl'] },
    ['session', 'EDQUOT'],
    /can make no more keyrings/,
    /kernel\.keys\.maxkeys/,
  )
  refused(
    'a masked /proc forbids a new one',
    { prepare: 'mount --bind /proc/sys /proc/sys && mount -t tmpfs -o ro none /proc/fs' },
    ['proc', 'EPERM'],
    /Parts of \/proc are masked here \(\/proc\/sys, \/proc\/fs\)/,
    /unmask|systempaths=unconfined|procMount/,
  )
  refused(
    'memfds that may not be executed, and a TMPDIR that is noexec',
    {
      unshare: ['--mount', '--pid', '--fork', '--mount-proc'],
      prepare: 'mount -t tmpfs -o noexec,mode=1777 none /mnt && echo 2 > /proc/sys/vm/memfd_noexec',
      env: { TMPDIR: '/mnt' },
    },
    ['exec-init', 'EACCES'],
    /vm\.memfd_noexec=2/,
    /TMPDIR name a directory on a file system that is not mounted noexec, or permit it: `sudo sysctl -w vm\.memfd_noexec=0`/,
    kernelFrom(6, 3),
  )
}

test(
  'a limit of a user namespace around ours is told from one of our own',
  async () => {
    // The outer namespace permits one below it, and that is the one which Node is in.
    const prepare = 'echo 1 > /proc/sys/user/max_user_namespaces && set -- unshare --user "$@"'
    const refusal = await refusalOn({ unshare: ['--user', '--mount'], ids: 200_000, prepare })
    explains(
      refusal,
      ['clone', 'ENOSPC'],
      /of this user or of a user namespace around it/,
      /sysctl -w user\.max_user_namespaces/,
    )
  },
  { needs: NEEDS },
)

test(
  'root of a small user namespace is told that ids are missing',
  async () => {
    const refusal = await refusalOn({ unshare: ['--user', '--mount'], ids: 65_536 })
    assert.is(refusal.name, 'SandboxSetupError')
    assert.match(refusal.hint ?? '', /ids 100000 to 165535 do not exist/)
    assert.match(refusal.hint ?? '', /Run as another user/)
  },
  { needs: NEEDS },
)

test(
  'an ordinary user of that small user namespace has sandboxes',
  async () => {
    const { name, message } = await refusalOn({ unshare: ['--user', '--mount'], ids: 65_536, ordinary: true })
    assert.is(name, 'none', message)
  },
  { needs: NEEDS },
)

test(
  'a process that has changed its user id by itself is told why it may write no id map',
  async () => {
    const { stdout, stderr } = await runNode(`
      import { sandbox } from 'cofferdam'
      process.setgroups([]); process.setgid(12345); process.setuid(12345)
      sandbox().run('true').catch(({ step, code, hint }) => console.log(step, code, hint))`)
    assert.match(stdout, /^id-map EACCES This process has changed its user id since it was started/, stderr)
    assert.match(stdout, /setpriv --reuid=USER/)
  },
  { needs: NEEDS },
)

test(
  'a refusal leaves other sandboxes of the same process unharmed',
  async () => {
    const answer = await askOn<{ refused: Refusal; ran: string[] }>(
      { prepare: 'mount -t ramfs none /mnt && mkdir -m 777 /mnt/upper', unshare: ['--mount'] },
      `const steady = await box().spawn('/probe', ['say', 'ready', ',', 'sleep', '60'])
       await new Promise((done) => steady.stdout.once('data', done))
       const refused = await refusal(sandbox().rootfs(rootfs, { upper: '/mnt/upper' }).run('/true'))
       const ran = []
       for (let i = 0; i < 3; i++) ran.push((await box().run('/true')).outcome)
       ran.push(String(steady.kill('SIGTERM')), (await steady.wait()).signal ?? 'none')
       return { refused, ran }`,
    )
    assert.match(answer.refused.hint ?? '', 'ramfs')
    assert.equal(answer.ran, ['exited', 'exited', 'exited', 'true', 'SIGTERM'])
  },
  { needs: NEEDS },
)

test.run()
