// Plans: what a recipe becomes on a host, as plain data.
import * as assert from 'uvu/assert'
import type { HostFacts } from '../../src/host-facts.js'
import { makePlan } from '../../src/plan.js'
import type { BootStep, SandboxPlan } from '../../src/plan-types.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { suite } from '../support/suite.js'
import { facts, NO_CGROUPS } from './facts.js'

const test = suite('plan')

const plan = (recipe: Partial<Recipe> = {}, host: Partial<HostFacts> = {}): SandboxPlan =>
  makePlan({ ...DEFAULT_RECIPE, ...recipe }, facts(host))

const without = (...names: string[]) => DEFAULT_RECIPE.namespaces.filter((name) => !names.includes(name))

function step<O extends BootStep['op']>(boot: readonly BootStep[], op: O, about?: string) {
  const fits = (one: BootStep): one is BootStep & { op: O } =>
    one.op === op &&
    (about === undefined || ('target' in one && one.target === about) || ('path' in one && one.path === about))
  const found = boot.find(fits)
  assert.ok(found, `no step ${op} ${about ?? ''}`)
  return found as BootStep & { op: O }
}

const ops = ({ boot }: SandboxPlan) => boot.map(({ op }) => op)

const ROOTFS: Recipe['rootfs'] = {
  layers: ['/base', '/top'],
  mode: 'overlay',
  upper: undefined,
  sizeBytes: 2 ** 28,
  switch: 'pivot_root',
}

test('it is frozen all through, and survives JSON', () => {
  const made = plan({ mounts: [{ kind: 'file', target: '/a', content: new Uint8Array([1]), mode: 0o644 }] })
  assert.ok(Object.isFrozen(made) && Object.isFrozen(made.boot) && Object.isFrozen(made.boot[0]))
  assert.ok(Object.isFrozen(made.cgroups[0]?.stats) && Object.isFrozen(made.identity.uidMap[0]))
  assert.equal(JSON.parse(JSON.stringify(plan())).namespaces, plan().namespaces)
})

test('the steps are in the order in which the kernel needs them', () => {
  const order = ops(plan({ rootfs: ROOTFS, mounts: [{ kind: 'mask', path: '/etc' }] }))
  const wanted = 'identity hostname loopback private stage proc devpts layer root place switch'.split(' ')
  assert.equal(
    order.filter((op, i) => wanted.includes(op) && order.indexOf(op) === i),
    wanted,
  )
  assert.equal(order.slice(-3), ['switch', 'shield', 'capabilities'])
  assert.is(order.at(-4), 'mask')
})

test('root as caller maps a range of ids, and the command is an unprivileged one of them', () => {
  const { identity, boot } = plan()
  assert.equal(identity.uidMap, [{ inside: 0, outside: 100000, count: 65536 }])
  assert.equal(identity.gidMap, identity.uidMap)
  assert.equal([identity.uid, identity.gid, identity.hostUid, identity.hostGid], [1000, 1000, 101000, 101000])
  assert.ok(identity.switchUser && !identity.denySetgroups)
  assert.equal(boot[0], { op: 'identity', uid: 0, gid: 0 })
  assert.is(plan({ user: { uid: 0, gid: 7 } }).identity.hostGid, 100007)
})

test('any other caller maps its own id alone, and nobody switches', () => {
  const { identity, boot } = plan({}, { privileged: false })
  assert.equal(identity.uidMap, [{ inside: 1000, outside: 1234, count: 1 }])
  assert.ok(identity.denySetgroups && !identity.switchUser)
  assert.is(
    boot.some(({ op }) => op === 'identity'),
    false,
  )
  assert.is(plan({ user: { uid: 0, gid: 0 } }, { privileged: false }).identity.uidMap[0]?.inside, 0)
})

test('without a user namespace the ids are the caller’s', () => {
  const { identity, warnings } = plan({ namespaces: without('user') })
  assert.equal([identity.uid, identity.hostUid, identity.uidMap.length], [0, 0, 0])
  assert.ok(warnings.some((text) => text.includes("host's root")))
})

test('layers are lent with their owners mapped, read-only, by root; by path otherwise', () => {
  const [lower, upper] = plan({ rootfs: ROOTFS }).boot.filter(({ op }) => op === 'layer') as Extract<
    BootStep,
    { op: 'layer' }
  >[]
  assert.is(lower?.source.path, '/base')
  assert.is(upper?.source.path, '/top')
  assert.equal(lower?.source.attributes, ['rdonly', 'nosuid', 'nodev'])
  assert.ok(lower?.source.lent && lower.source.idMapped && lower.source.layer)
  const byPath = step(plan({ rootfs: ROOTFS }, { privileged: false }).boot, 'layer').source
  assert.equal([byPath.lent, byPath.idMapped], [false, false])
  assert.is(step(plan({ rootfs: ROOTFS, namespaces: without('user') }).boot, 'layer').source.idMapped, false)
})

test('overlay: the size is that of the writable layer, and the root stays writable', () => {
  const made = plan({ rootfs: ROOTFS })
  assert.equal(step(made.boot, 'stage'), { op: 'stage', sizeBytes: 2 ** 28, inodes: 65536, at: '/tmp' })
  assert.is(step(made.boot, 'root').kind, 'overlay')
  assert.is(ops(made).includes('seal'), false)
})

test('a persistent upper is reached through its parent, with a work directory beside it', () => {
  const made = plan({ rootfs: { ...ROOTFS, upper: '/srv/jobs/seven' } })
  const upper = step(made.boot, 'upper')
  assert.equal([upper.source.path, upper.upper], ['/srv/jobs', 'seven'])
  assert.equal(upper.source.attributes, ['nosuid', 'nodev'])
  assert.is(made.workdir, `/srv/jobs/${upper.work}`)
  const other = plan({ rootfs: { ...ROOTFS, upper: '/srv/jobs/eight' } })
  assert.not.equal(other.workdir, made.workdir)
})

test('readonly is sealed before the switch, writable is one tree as it is', () => {
  const readonly = plan({ rootfs: { ...ROOTFS, mode: 'readonly' } })
  assert.equal(ops(readonly).slice(-4, -2), ['seal', 'switch'])
  const writable = plan({ rootfs: { ...ROOTFS, layers: ['/one'], mode: 'writable' } })
  const root = step(writable.boot, 'root')
  assert.ok(root.kind === 'tree' && root.source.path === '/one')
  assert.is(ops(writable).includes('seal'), false)
})

test('without a rootfs the host’s system directories are read-only, and links stay links', () => {
  const made = plan()
  assert.equal(step(made.boot, 'bind', '/usr').source.attributes, ['rdonly', 'nosuid', 'nodev'])
  assert.equal(step(made.boot, 'symlink', '/bin'), { op: 'symlink', target: 'usr/bin', path: '/bin' })
  assert.match(String(step(made.boot, 'file', '/etc/passwd').content), /^user:x:1000:1000:/m)
  assert.equal(ops(made).slice(-4, -2), ['seal', 'switch'])
  assert.is(
    made.boot.some((one) => one.op === 'bind' && one.target === '/etc/resolv.conf'),
    false,
  )
  assert.ok(step(plan({ namespaces: without('net') }).boot, 'bind', '/etc/resolv.conf').source.optional)
})

test('nothing of the host’s /etc that holds secrets is shown', () => {
  const shown = plan({}, { systemPaths: facts().systemPaths }).boot.flatMap((one) =>
    one.op === 'bind' ? [one.target] : [],
  )
  for (const secret of ['/etc', '/etc/ssl', '/etc/pki', '/etc/shadow', '/root', '/home'])
    assert.is(shown.includes(secret), false)
})

test('a bind is read-only unless it says otherwise, and never shows the host’s owners as its own', () => {
  const bind = { kind: 'bind', source: '/src', target: '/dst', optional: true } as const
  const source = step(plan({ mounts: [{ ...bind, writable: false }] }).boot, 'bind', '/dst').source
  assert.equal([source.idMapped, source.recursive, source.optional], [false, true, true])
  assert.equal(source.attributes, ['rdonly', 'nosuid', 'nodev'])
  const writable = plan({ mounts: [{ ...bind, writable: true }] })
  assert.equal(step(writable.boot, 'bind', '/dst').source.attributes, ['nosuid', 'nodev'])
  assert.ok(writable.warnings.some((text) => text.includes('/src can be written')))
})

test('/proc is masked and read-only where it tells or does too much; the host’s when pids are shared', () => {
  const { boot } = plan()
  for (const path of ['/proc/kcore', '/proc/keys', '/proc/timer_list']) assert.ok(step(boot, 'mask', path).optional)
  for (const path of ['/proc/sys', '/proc/sysrq-trigger']) assert.ok(step(boot, 'readonly', path).optional)
  const shared = plan({ namespaces: without('pid') })
  assert.equal(step(shared.boot, 'bind', '/proc').source.attributes, ['nosuid', 'nodev', 'noexec'])
  assert.is(shared.boot[0]?.op, 'no-pid-namespace')
})

test('/dev is made for root, and put together from the host’s nodes for any other caller', () => {
  assert.ok(step(plan().boot, 'bind', '/dev').source.devices)
  const { boot } = plan({}, { privileged: false })
  assert.equal(step(boot, 'tmpfs', '/dev').mode, 0o755)
  assert.equal(step(boot, 'bind', '/dev/null').source.attributes, ['nosuid', 'noexec'])
  assert.is(step(boot, 'devpts').options, 'newinstance,ptmxmode=0666,mode=0620')
  assert.is(step(plan().boot, 'devpts').options, 'newinstance,ptmxmode=0666,mode=0620,gid=5')
  assert.is(
    plan({ namespaces: without('ipc') }).boot.some(({ op }) => op === 'mqueue'),
    false,
  )
})

test('a mount of the recipe’s own on /tmp or /dev/shm takes the place of the usual one', () => {
  const tmpfs = (target: string): Recipe['mounts'] => [{ kind: 'tmpfs', target, sizeBytes: 4096, mode: 0o700 }]
  for (const target of ['/tmp', '/dev/shm']) {
    assert.is(
      plan({ mounts: tmpfs(target) }).boot.filter((one) => one.op === 'tmpfs' && one.target === target).length,
      1,
    )
    assert.equal(step(plan({ mounts: tmpfs(target) }).boot, 'tmpfs', target).mode, 0o700)
    assert.is(plan({ mounts: tmpfs(target) }).boot.filter(({ op }) => op === 'scratch').length, 1)
    assert.is(step(plan().boot, 'scratch', target).mode, 0o1777)
  }
})

test('without a layer of its own in memory the stage holds 64 MiB, and the files of the recipe', () => {
  assert.is(step(plan().boot, 'stage').sizeBytes, 2 ** 26)
  const file: Recipe['mounts'] = [{ kind: 'file', target: '/big', content: new Uint8Array(2 ** 20), mode: 0o644 }]
  assert.ok(step(plan({ mounts: file }).boot, 'stage').sizeBytes >= 2 ** 26 + 2 ** 20)
})

test('the stage hides no source that is opened by path', () => {
  assert.is(step(plan().boot, 'stage').at, '/tmp')
  assert.is(step(plan({}, { privileged: false }).boot, 'stage').at, '/')
})

test('init takes an id that is not the command’s, where there is more than one', () => {
  const shared = { namespaces: without('pid') }
  assert.is(step(plan(shared).boot, 'shield').uid, 65534)
  assert.is.not(step(plan({ ...shared, user: { uid: 65534, gid: 0 } }).boot, 'shield').uid, 65534)
  assert.is(step(plan({ user: { uid: 0, gid: 0 } }).boot, 'shield').uid, 65534)
  assert.is(ops(plan({}, { privileged: false })).includes('shield'), false)
})

test('init keeps the capabilities that it needs and those that it hands on, and no others', () => {
  const own = ['dac_override', 'dac_read_search', 'kill', 'setgid', 'setuid', 'setpcap', 'sys_admin']
  assert.equal(step(plan().boot, 'capabilities').kept, own)
  assert.equal(step(plan({ capabilities: ['kill', 'net_raw'] }).boot, 'capabilities').kept, [...own, 'net_raw'])
})

test('init takes another id than root inside, too, who could lower its limits', () => {
  const rootInside = { user: { uid: 0, gid: 0 } }
  assert.is(step(plan(rootInside).boot, 'shield').uid, 65534)
  assert.is(ops(plan(rootInside, { privileged: false })).includes('shield'), false)
})

test('each namespace brings its own steps and no others', () => {
  assert.is(step(plan().boot, 'hostname').name, 'sandbox')
  assert.is(ops(plan({ namespaces: without('uts') })).includes('hostname'), false)
  assert.is(ops(plan({ namespaces: without('net') })).includes('loopback'), false)
  assert.equal(ops(plan({ namespaces: ['user', 'net'] })), [
    'no-pid-namespace',
    'identity',
    'loopback',
    'shield',
    'capabilities',
  ])
  assert.ok(plan().command.cgroupNamespace)
  assert.is(plan({ namespaces: without('cgroup') }).command.cgroupNamespace, false)
})

test('limits of the process itself have safe defaults', () => {
  const limits = (recipe: Partial<Recipe>) =>
    Object.fromEntries(plan(recipe).command.rlimits.map((one) => [one.resource, one.value]))
  assert.equal(limits({}), { core: 0, nofile: 1024 })
  assert.equal(limits({ limits: { openFiles: 5, fileSizeBytes: 10, stackBytes: 'max', coreBytes: 'max' } }), {
    core: 'max',
    nofile: 5,
    fsize: 10,
    stack: 'max',
  })
})

test('parallelism is the cores there are: a quota may be used up in bursts, and it and the cpuset be raised', () => {
  const parallelism = (limits: Recipe['limits']) => plan({ limits }).command.parallelism
  assert.equal(
    [{}, { cpu: 0.25 }, { cpu: 64 }, { cpuset: [1] }, { cpuset: 'max' } as const].map(parallelism),
    [400, 400, 400, 400, 400],
  )
})

test('the search path is the environment’s PATH', () => {
  assert.is(plan({ environment: { PATH: '/x' } }).command.searchPath, '/x')
  assert.match(plan().command.searchPath, /\/usr\/bin/)
})

test('what the caller cannot have is listed, and nothing is thrown', () => {
  const features = (made: SandboxPlan) => made.unsupported.map(({ feature }) => feature)
  assert.equal(features(plan()), [])
  assert.equal(features(plan({ namespaces: without('user') }, { privileged: false })), ['namespaces'])
  assert.match(plan({ namespaces: ['net'] }, { privileged: false }).unsupported[0]?.hint ?? '', /'user'/)
  assert.equal(features(plan({ namespaces: without('pid') }, { cgroups: NO_CGROUPS })), ['namespaces.pid'])
  assert.equal(features(plan({ namespaces: without('pid') })), [])
  assert.equal(features(plan({}, { privileged: false, cgroups: NO_CGROUPS })), [])
})

test('a default recipe warns of nothing, and every weakness has its sentence', () => {
  assert.equal(plan().warnings, [])
  for (const name of ['user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const) {
    assert.ok(
      plan({ namespaces: without(name) }).warnings.some((text) => text.startsWith(`Shared with the host, ${name}:`)),
    )
  }
  assert.match(plan({ capabilities: ['net_raw'] }).warnings[0] ?? '', /net_raw/)
  assert.match(plan({}, { privileged: false }).warnings[0] ?? '', /supplementary groups/)
})

test('what is done ahead needs no directory of the host, and comes before the root', () => {
  for (const made of [plan(), plan({ rootfs: ROOTFS }), plan({ namespaces: without('pid') })]) {
    const ahead = made.boot.slice(0, made.ahead)
    assert.ok(ahead.every((one) => !('source' in one) || one.source.devices))
    assert.ok(ahead.some(({ op }) => op === 'stage') && ahead.some(({ op }) => op === 'devpts'))
    assert.is(
      made.boot.slice(made.ahead).some(({ op }) => op === 'stage'),
      false,
    )
  }
  assert.equal(
    plan().boot.flatMap((one) => (one.op === 'place' ? [one.target] : [])),
    ['/proc', '/dev', '/tmp'],
  )
})

test('an init made ahead serves only a caller who lends all mounts, and a recipe without clock offsets', () => {
  assert.is(plan().stocked, true)
  assert.is(plan({ capabilities: ['net_admin'] }).stocked, true)
  assert.is(plan({}, { privileged: false }).stocked, false)
  assert.is(plan({ clockOffset: { monotonicMs: 1, boottimeMs: 0 } }).stocked, false)
  for (const name of ['user', 'pid', 'mount'] as const) assert.is(plan({ namespaces: without(name) }).stocked, false)
  assert.is(plan({ rootfs: { ...ROOTFS, switch: 'switch_root' } }).stocked, false)
})

test.run()
