// Why a host refuses: conditions read from trees that stand for hosts, and the hint that an error then has.
import { constants } from 'node:os'
import * as assert from 'uvu/assert'
import { readConditions } from '../../src/host/conditions.js'
import { detectContainer } from '../../src/host/container.js'
import { mountOf } from '../../src/host/filesystem.js'
import { explainUpper } from '../../src/host/upper.js'
import { setupError } from '../../src/setup-errors.js'
import type { SandboxStep } from '../../src/steps.js'
import { type FakeHost, fakeHost } from '../support/fake-host.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('refusals')
const SYS_ADMIN = '0000000000200000'
const ALL_CAPABILITIES = '000001ffffffffff'

type Code = 'EPERM' | 'EACCES' | 'ENOSYS' | 'EINVAL' | 'ENOSPC' | 'ENODEV'

function hint(t: TestContext, host: FakeHost, step: SandboxStep, code: Code): string {
  const root = fakeHost(t, host)
  const errno = constants.errno[code]
  const error = setupError({ step, index: 0, errno, subject: undefined }, () => readConditions(root))
  assert.ok(error.hint === undefined || error.message.endsWith(error.hint))
  return error.hint ?? ''
}

const APPARMOR = { 'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' }
const DEBIAN = { 'proc/sys/kernel/unprivileged_userns_clone': '0\n' }
const MAX = { 'proc/sys/user/max_user_namespaces': '0\n', 'proc/sys/user/max_net_namespaces': '0\n' }

const EXPLAINED: [what: string, host: FakeHost, step: SandboxStep, code: Code, cause: RegExp, remedy: RegExp][] = [
  [
    "AppArmor's restriction, where the namespace itself is refused",
    { files: APPARMOR },
    'clone',
    'EACCES',
    /AppArmor restricts user namespaces.*kernel\.apparmor_restrict_unprivileged_userns=1/,
    /profile cofferdam-node %s flags=\(unconfined\) \{ userns, \}.*apparmor_parser -r.*sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/,
  ],
  [
    "AppArmor's restriction, where the id map is",
    { files: APPARMOR },
    'id-map',
    'EPERM',
    /AppArmor/,
    /apparmor_parser/,
  ],
  [
    "AppArmor's restriction, where the namespace is granted and mounts in it are not",
    { files: APPARMOR },
    'private-mounts',
    'EACCES',
    /AppArmor/,
    /apparmor_parser/,
  ],
  [
    'user namespaces for root only',
    { files: DEBIAN },
    'clone',
    'EPERM',
    /kernel\.unprivileged_userns_clone=0/,
    /`sudo sysctl -w kernel\.unprivileged_userns_clone=1`/,
  ],
  [
    'limits of 0 on two kinds of namespaces',
    { files: MAX },
    'clone',
    'ENOSPC',
    /no new user, net namespaces: user\.max_user_namespaces, user\.max_net_namespaces are 0/,
    /user\.max_user_namespaces=65536 user\.max_net_namespaces=65536/,
  ],
  [
    'a limit that is reached',
    {},
    'clone',
    'ENOSPC',
    /limit on the number of namespaces is reached/,
    /max_user_namespaces/,
  ],
  [
    'a kernel before clone3 itself',
    { release: '4.19.0-27-amd64' },
    'clone',
    'ENOSYS',
    /Linux 4\.19\.0-27-amd64 is too old: sandboxes start by clone3 \(5\.3\)/,
    /Linux 5\.12/,
  ],
  [
    'a kernel with clone3, before what else is needed',
    { release: '5.3.0-76-generic' },
    'clone',
    'EINVAL',
    /too old/,
    /5\.12/,
  ],
  [
    'a kernel that is old, in a container with a filter',
    { release: '5.3.0', seccompFilter: true },
    'clone',
    'ENOSYS',
    /too old/,
    /5\.12/,
  ],
  [
    'a kernel without time namespaces',
    { namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] },
    'clone',
    'EINVAL',
    /built without time namespaces \(CONFIG_TIME_NS\)/,
    /share\('time'\)/,
  ],
  [
    'a filter that does not know clone3, in Docker',
    { seccompFilter: true, files: { '.dockerenv': '' } },
    'clone',
    'ENOSYS',
    /seccomp filter .* answers ENOSYS to clone3/,
    /`docker run --security-opt seccomp=unconfined/,
  ],
  [
    'a filter that forbids namespaces, in Podman',
    { seccompFilter: true, files: { 'run/.containerenv': '' } },
    'clone',
    'EPERM',
    /seccomp filter .* answers EPERM/,
    /`podman run --security-opt seccomp=unconfined --security-opt unmask=ALL`/,
  ],
  [
    'a filter that forbids mounts, in Kubernetes',
    { seccompFilter: true, files: { 'proc/self/cgroup': '0::/kubepods.slice/pod1\n' } },
    'private-mounts',
    'EPERM',
    /a seccomp filter\) answers EPERM/,
    /hostUsers: false.*procMount: Unmasked/,
  ],
  [
    'a filter of nobody knows whom',
    { seccompFilter: true },
    'overlay',
    'EPERM',
    /a seccomp filter\) answers EPERM/,
    /RestrictNamespaces=/,
  ],
  ['a chroot', { chrooted: true }, 'clone', 'EPERM', /in a chroot/, /pivot_root/],
  [
    'a masked /proc, outside of any container',
    { mounts: ['30 22 0:5 /sys /proc/sys ro - proc proc rw', '31 22 0:6 / /proc/acpi ro - tmpfs tmpfs ro'] },
    'proc',
    'EPERM',
    /Parts of \/proc are masked here \(\/proc\/sys, \/proc\/acpi\)/,
    /`umount \/proc\/sys`.*systempaths=unconfined/,
  ],
  [
    'a masked /proc in Docker',
    { mounts: ['30 22 0:5 /sys /proc/sys ro - proc proc rw'], files: { '.dockerenv': '' } },
    'proc',
    'EPERM',
    /masked/,
    /systempaths=unconfined/,
  ],
  [
    'root of a user namespace without the ids of sandboxes',
    { uid: 0, capabilities: ALL_CAPABILITIES, files: { 'proc/self/uid_map': '0 1000 1\n1 100000 65536\n' } },
    'id-map',
    'EPERM',
    /ids 100000 to 165535 do not exist/,
    /--userns=host/,
  ],
  [
    'root without CAP_SETUID',
    { uid: 0, capabilities: SYS_ADMIN },
    'id-map',
    'EPERM',
    /lacks CAP_SETUID or CAP_SETGID/,
    /--cap-add SETUID/,
  ],
  [
    'memfds that may not be executed',
    { files: { 'proc/sys/vm/memfd_noexec': '2\n' } },
    'exec-init',
    'EACCES',
    /vm\.memfd_noexec=2/,
    /TMPDIR.*sysctl -w vm\.memfd_noexec=0/,
  ],
  [
    'a host that executes nothing from memory',
    {},
    'exec-init',
    'EPERM',
    /security module or a seccomp filter/,
    /TMPDIR/,
  ],
  [
    'a kernel without close_range',
    { release: '5.8.0' },
    'exec-init',
    'ENOSYS',
    /has no close_range \(5\.9\)/,
    /Linux 5\.12/,
  ],
  [
    'a kernel without overlayfs',
    { files: { 'proc/filesystems': 'nodev\tproc\n\text4\n' } },
    'overlay',
    'ENODEV',
    /no overlayfs/,
    /`sudo modprobe overlay`/,
  ],
  ['overlayfs for root only', { release: '5.10.0' }, 'overlay', 'EPERM', /since 5\.11/, /mode: 'writable'/],
  [
    'mounts that cannot be changed',
    { release: '5.11.0' },
    'layer',
    'ENOSYS',
    /mount_setattr, 5\.12/,
    /share\('mount'\)/,
  ],
]

for (const [what, host, step, code, cause, remedy] of EXPLAINED) {
  test(`${what}: ${code} at ${step} is explained`, (t) => {
    const text = hint(t, host, step, code)
    assert.match(text, cause)
    assert.match(text, remedy)
  })
}

test('what restricts ordinary users only is not the cause of what root is refused', (t) => {
  for (const files of [APPARMOR, DEBIAN])
    assert.not.match(
      hint(t, { files, capabilities: ALL_CAPABILITIES }, 'clone', 'EPERM'),
      /=1, the default of|for root only/,
    )
})

test('an ordinary user is not told of ids that only root would map', (t) => {
  const files = { 'proc/self/uid_map': '1000 1000 1\n' }
  assert.not.match(hint(t, { files, uid: 1000 }, 'id-map', 'EPERM'), /100000|CAP_SETUID/)
})

test('a switch that is off is not the cause', (t) => {
  const files = {
    'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '0\n',
    'proc/sys/kernel/unprivileged_userns_clone': '1\n',
    'proc/sys/user/max_user_namespaces': '63000\n',
  }
  assert.match(hint(t, { files }, 'clone', 'EPERM'), /^The host restricts user namespaces/)
  assert.match(hint(t, { files }, 'clone', 'ENOSPC'), /is reached/)
})

test('a process whose files in /proc are another user’s has changed its id', (t) => {
  const status = 'Uid:\t0\t54321\t0\t0\nCapEff:\t0\nSeccomp:\t0\n'
  assert.match(hint(t, { files: { 'proc/self/status': status } }, 'id-map', 'EACCES'), /has changed its user id/)
})

test('an empty tree and a tree of rubbish are read without an error, and say nothing', (t) => {
  for (const root of [
    t.tempDir(),
    fakeHost(t, {
      release: '',
      files: {
        'proc/sys/user/max_user_namespaces': 'many\n',
        'proc/self/status': 'CapEff:\n',
        'proc/self/uid_map': '?\n',
        'proc/self/mountinfo': '\u0000\n - \n',
      },
    }),
    '/no/such/directory',
  ]) {
    const { kernelVersion, apparmorRestrictsUserns, maxNamespaces, memfdNoexec, container } = readConditions(root)
    assert.equal(
      { kernelVersion, apparmorRestrictsUserns, maxNamespaces, memfdNoexec, container },
      {
        kernelVersion: undefined,
        apparmorRestrictsUserns: false,
        maxNamespaces: {},
        memfdNoexec: undefined,
        container: undefined,
      },
    )
  }
})

const CONTAINERS: [kind: string | undefined, files: Record<string, string>][] = [
  [undefined, {}],
  ['docker', { '.dockerenv': '' }],
  ['docker', { 'proc/self/cgroup': '5:cpu:/docker/0123\n' }],
  ['podman', { 'run/.containerenv': 'engine="podman"\n' }],
  ['podman', { 'proc/1/environ': 'PATH=/bin\0container=podman\0' }],
  ['kubernetes', { '.dockerenv': '', 'proc/self/cgroup': '0::/kubepods/besteffort/pod1\n' }],
  ['lxc', { 'proc/1/environ': 'container=lxc\0' }],
  ['systemd-nspawn', { 'run/systemd/container': 'systemd-nspawn\n' }],
  ['container', { 'proc/1/environ': 'container=something-new\0' }],
  ['gvisor', { 'proc/version': 'Linux version 4.4.0 (gVisor)\n' }],
  ['wsl1', { 'proc/version': 'Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)\n' }],
  [undefined, { 'proc/version': 'Linux version 5.15.153.1-microsoft-standard-WSL2\n' }],
]

for (const [kind, files] of CONTAINERS) {
  test(`${JSON.stringify(files)} are the marks of ${kind ?? 'no container'}`, (t) => {
    assert.is(detectContainer(fakeHost(t, { files })), kind)
  })
}

test('a path is on the mount whose point is its longest prefix, the later one of two at the same point', () => {
  const mountinfo = [
    '21 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '22 21 0:30 / /srv rw - tmpfs none rw',
    '23 22 0:31 / /srv/a\\040b rw,relatime - overlay overlay rw',
    '24 22 0:32 / /srv/x ro - xfs /dev/sdb rw',
    '25 22 0:33 / /srv/x rw - btrfs /dev/sdc ro',
    '',
  ].join('\n')
  const type = (path: string) => mountOf(path, mountinfo)?.type
  assert.equal(['/', '/home', '/srv', '/srvx', '/srv/a b/upper', '/srv/a', '/srv/x/y'].map(type), [
    'ext4',
    'ext4',
    'tmpfs',
    'ext4',
    'overlay',
    'tmpfs',
    'btrfs',
  ])
  assert.is(mountOf('/srv/x/y', mountinfo)?.readOnly, true)
  assert.is(mountOf('/x', ''), undefined)
})

test('an upper: full, read-only, refused or not able, in this order', () => {
  const facts = { type: 'nfs4', full: false, readOnly: false }
  assert.match(explainUpper('/u', 'EINVAL', { ...facts, full: true, readOnly: true }).cause, /hardly any room/)
  assert.match(explainUpper('/u', 'EROFS', { ...facts, readOnly: true }).cause, /mounted read-only/)
  assert.match(explainUpper('/u', 'EINVAL', facts).cause, /no upper layer on the nfs4 file system of \/u/)
  assert.match(
    explainUpper('/u', 'EROFS', { ...facts, type: undefined }).cause,
    /on the file system of \/u: user xattrs/,
  )
})

test.run()
