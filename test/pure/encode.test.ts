// The bytes of requests: the constants are those of wire.h, and a decoder of its own reads back what was meant.
import * as assert from 'uvu/assert'
import * as wire from '../../src/encode/wire.js'
import { type CommandRequest, encodePlan, encodeRequest } from '../../src/encode.js'
import type { HostFacts } from '../../src/host-facts.js'
import { makePlan } from '../../src/plan.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { filterOf } from '../../src/seccomp/filter.js'
import { STEPS } from '../../src/steps.js'
import { suite } from '../support/suite.js'
import { facts, PURE_V2 } from './facts.js'
import { type Decoded, decodeRequest } from './wire-decoder.js'
import { readDefine, readEnum, readSteps } from './wire-header.js'

const test = suite('encode')

const COMMAND: CommandRequest = {
  command: { file: '/bin/tool', argv: ['/bin/tool', '', 'zwölf', 'four'] },
  stdio: [{ kind: 'feed', input: 'hello' }, { kind: 'pipe' }, { kind: 'path', path: '/tmp/e', append: true }],
  outputBytes: 5 * 2 ** 32 + 7,
  collect: false,
}

function encode(recipe: Partial<Recipe> = {}, host: Partial<HostFacts> = {}, command: Partial<CommandRequest> = {}) {
  const known = facts(host)
  const whole = { ...DEFAULT_RECIPE, ...recipe }
  const plan = makePlan(whole, known)
  const filter = filterOf(whole.seccomp, whole.capabilities, known.machine)
  const request = encodeRequest(encodePlan(plan, known, filter), { ...COMMAND, ...command })
  return { plan, request, decoded: decodeRequest(request.bytes) }
}

const only = (records: readonly Decoded[], op: number) => records.filter((record) => record.op === op)
function one(records: readonly Decoded[], op: number): Decoded {
  const [record] = only(records, op)
  assert.ok(record, `no record ${op}`)
  return record as Decoded
}

const ENUMS = {
  wire_request_flag: wire.REQUEST_FLAG,
  wire_record_flag: wire.RECORD_FLAG,
  wire_host_op: wire.HOST,
  wire_tree_flag: wire.TREE_FLAG,
  wire_stdio: wire.STDIO,
  wire_cpu_clock: wire.CPU_CLOCK,
  wire_boot_op: wire.BOOT,
  wire_root: wire.ROOT,
  wire_switch: wire.SWITCH,
  wire_exec_op: wire.EXEC,
  wire_phase: wire.PHASE,
  wire_cause: wire.CAUSE,
}

for (const [name, constants] of Object.entries(ENUMS)) {
  test(`the constants of ${name} are those of wire.h`, () => assert.equal({ ...constants }, readEnum(name)))
}

test('magic, version and the mark of no tree are those of wire.h', () => {
  assert.is(wire.WIRE_MAGIC, readDefine('WIRE_MAGIC'))
  assert.is(wire.WIRE_VERSION, readDefine('WIRE_VERSION'))
  assert.is(wire.WIRE_NO_TREE, readDefine('WIRE_NO_TREE'))
})

test('the steps are those of steps.def', () => assert.equal([...STEPS], readSteps()))

test('the head carries magic, version and the sizes of its sections', () => {
  const { decoded } = encode()
  assert.is(decoded.magic, wire.WIRE_MAGIC)
  assert.is(decoded.version, wire.WIRE_VERSION)
  assert.ok(decoded.host.length > 0 && decoded.boot.length > 0 && decoded.exec.length > 0)
})

test('the flags say who collects, whether an init made ahead may serve, and whether capabilities are kept', () => {
  const { WIRE_COLLECT, WIRE_STOCKED, WIRE_NO_CAPABILITIES } = wire.REQUEST_FLAG
  const plain = { privileged: false }
  assert.is(encode({}, plain).decoded.flags, WIRE_NO_CAPABILITIES)
  assert.is(encode({ capabilities: ['chown'] }, plain).decoded.flags, 0)
  assert.is(encode({ capabilities: ['chown'] }).decoded.flags, WIRE_STOCKED)
  assert.is(encode({}, plain, { collect: true }).decoded.flags, WIRE_COLLECT | WIRE_NO_CAPABILITIES)
  assert.is(encode().decoded.flags, WIRE_STOCKED | WIRE_NO_CAPABILITIES)
  const watched = encode({}, plain, { collect: true, tellStart: true }).decoded.flags
  assert.is(watched, WIRE_COLLECT | wire.REQUEST_FLAG.WIRE_TELL_START | WIRE_NO_CAPABILITIES)
})

test('namespaces are clone flags, the cgroup one excepted', () => {
  const { decoded } = encode()
  // CLONE_NEWTIME, NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of <linux/sched.h>.
  const all = 0x80n | 0x20000n | 0x4000000n | 0x8000000n | 0x10000000n | 0x20000000n | 0x40000000n
  assert.is(one(decoded.host, wire.HOST.HOST_NAMESPACES).payload.u64(), all)
  assert.is(only(decoded.exec, wire.EXEC.EXEC_CGROUP_NAMESPACE).length, 1)
  const few = encode({ namespaces: ['user', 'net'] }).decoded
  assert.is(one(few.host, wire.HOST.HOST_NAMESPACES).payload.u64(), 0x50000000n)
  assert.is(only(few.exec, wire.EXEC.EXEC_CGROUP_NAMESPACE).length, 0)
})

test('a terminal is all three streams, and a record of the command with its size and its variable', () => {
  const stdio = [{ kind: 'terminal' }, { kind: 'terminal' }, { kind: 'terminal' }] as const
  const terminal = { columns: 132, rows: 43, variable: 'TERM=xterm' }
  const { decoded, request } = encode({}, {}, { stdio, terminal })
  const kinds = only(decoded.host, wire.HOST.HOST_STDIO).map(({ payload }) => [payload.u32(), payload.u32()])
  assert.equal(
    kinds,
    [0, 1, 2].map((fd) => [fd, wire.STDIO.WIRE_STDIO_TERMINAL]),
  )
  const { payload } = one(decoded.exec, wire.EXEC.EXEC_TERMINAL)
  assert.equal([payload.u32(), payload.u32(), payload.string()], [132, 43, 'TERM=xterm'])
  assert.ok(payload.done)
  const index = decoded.exec.findIndex(({ op }) => op === wire.EXEC.EXEC_TERMINAL)
  assert.equal(request.subject(wire.PHASE.PHASE_EXEC, index), { path: '/dev/ptmx', feature: 'pty' })
  assert.is(only(encode().decoded.exec, wire.EXEC.EXEC_TERMINAL).length, 0)
})

test('the id maps, and to whom the pipes belong', () => {
  const { host } = encode().decoded
  const maps = only(host, wire.HOST.HOST_ID_MAP).map(({ payload }) => [0, 0, 0, 0].map(() => payload.u32()))
  assert.equal(maps, [
    [0, 0, 100000, 65536],
    [1, 0, 100000, 65536],
  ])
  const owner = one(host, wire.HOST.HOST_OWNER).payload
  assert.equal([owner.u32(), owner.u32()], [101000, 101000])
  const other = encode({}, { privileged: false }).decoded.host
  assert.is(only(other, wire.HOST.HOST_DENY_SETGROUPS).length, 1)
  assert.is(only(other, wire.HOST.HOST_OWNER).length, 0)
})

test('who writes the maps of a caller that has been granted ids', () => {
  const writers = { newuidmap: '/usr/bin/newuidmap', newgidmap: '/usr/bin/newgidmap' }
  const granted = { uids: [{ first: 5000, count: 9 }], gids: [{ first: 7000, count: 9 }], writers }
  const host = { privileged: false, subordinateIds: granted }
  const records = encode({ subordinateIds: { use: 'always', callerId: 0 }, user: { uid: 2, gid: 3 } }, host).decoded
    .host
  const { payload } = one(records, wire.HOST.HOST_MAP_WRITERS)
  assert.equal([payload.string(), payload.string()], ['/usr/bin/newuidmap', '/usr/bin/newgidmap'])
  assert.is(only(records, wire.HOST.HOST_DENY_SETGROUPS).length, 0)
  const owner = one(records, wire.HOST.HOST_OWNER).payload
  assert.equal([owner.u32(), owner.u32()], [5001, 7002])
  assert.is(only(encode({}, host).decoded.host, wire.HOST.HOST_MAP_WRITERS).length, 0)
})

test('clock offsets are two’s complement seconds and nanoseconds that are never negative', () => {
  const { host } = encode({ clockOffset: { monotonicMs: -500, boottimeMs: 1250.5 } }).decoded
  const { payload } = one(host, wire.HOST.HOST_CLOCK_OFFSETS)
  assert.equal([BigInt.asIntN(64, payload.u64()), payload.u32()], [-1n, 500_000_000])
  assert.equal([payload.u64(), payload.u32()], [1n, 250_500_000])
  assert.ok(payload.done)
})

test('a hierarchy, its limits and its figures come in this order, and the optional ones are marked', () => {
  const { host } = encode({ limits: { memoryBytes: 65536, cpuTimeMs: 5 } }, { cgroups: PURE_V2 }).decoded
  const { HOST_HIERARCHY, HOST_LIMIT, HOST_STAT, HOST_CPU_CLOCK } = wire.HOST
  const order = host.map(({ op }) => op).filter((op) => op >= HOST_HIERARCHY && op !== wire.HOST.HOST_OWNER)
  const ops = [HOST_HIERARCHY, HOST_LIMIT, HOST_LIMIT, ...Array(6).fill(HOST_STAT), HOST_CPU_CLOCK]
  assert.equal(order.slice(0, ops.length), ops)
  const { payload } = one(host, HOST_HIERARCHY)
  assert.equal([payload.u32(), payload.string(), payload.string()], [2, '/sys/fs/cgroup', '+cpu +memory +pids +io'])
  const limits = only(host, HOST_LIMIT).map(({ flags, payload }) => [flags, payload.string(), payload.string()])
  assert.equal(limits, [
    [0, 'memory.max', '65536'],
    [wire.RECORD_FLAG.WIRE_OPTIONAL, 'memory.swap.max', '0'],
  ])
})

test('trees are numbered in the order in which boot records use them', () => {
  const rootfs: Recipe['rootfs'] = {
    layers: ['/base', '/top'],
    mode: 'overlay',
    upper: '/srv/up',
    sizeBytes: 65536,
    switch: 'pivot_root',
  }
  const mounts: Recipe['mounts'] = [{ kind: 'bind', source: '/data', target: '/data', writable: false, optional: true }]
  const { host, boot } = encode({ rootfs, mounts }).decoded
  const trees = only(host, wire.HOST.HOST_TREE).map(({ flags, payload }) => {
    const [attrs, kind] = [payload.u32(), payload.u32()]
    return { path: payload.string(), attrs, kind, flags }
  })
  const used = boot.flatMap(({ op, payload }): [number, string][] => {
    const { BOOT_LAYER, BOOT_UPPER, BOOT_BIND } = wire.BOOT
    return op === BOOT_LAYER || op === BOOT_UPPER || op === BOOT_BIND ? [[payload.u32(), payload.string()]] : []
  })
  assert.equal(
    used.filter(([tree]) => tree !== wire.WIRE_NO_TREE),
    trees.map((_, i) => [i, '']),
  )
  const { WIRE_TREE_ID_MAPPED: mapped, WIRE_TREE_LAYER: layer, WIRE_TREE_RECURSIVE: recursive } = wire.TREE_FLAG
  assert.equal(trees[1], { path: '/base', attrs: 1 | 2 | 4, kind: mapped | layer, flags: 0 })
  assert.equal(trees[3], { path: '/srv', attrs: 2 | 4, kind: mapped, flags: 0 })
  assert.equal(trees.at(-1), { path: '/data', attrs: 1 | 2 | 4, kind: recursive, flags: 1 })
})

test('without privileges there are no trees, and sources go by path', () => {
  const mounts: Recipe['mounts'] = [{ kind: 'bind', source: '/data', target: '/d', writable: true, optional: false }]
  const { host, boot } = encode({ mounts }, { privileged: false }).decoded
  assert.is(only(host, wire.HOST.HOST_TREE).length, 0)
  const { payload } = only(boot, wire.BOOT.BOOT_BIND).at(-1) as Decoded
  const source = [payload.u32(), payload.string(), payload.u32(), payload.u32(), payload.string()]
  assert.equal(source, [wire.WIRE_NO_TREE, '/data', wire.TREE_FLAG.WIRE_TREE_RECURSIVE, 2 | 4, '/d'])
  assert.ok(payload.done)
})

test('files and links: modes, targets and bytes as they were given', () => {
  const content = new Uint8Array([0, 1, 2, 255, 254])
  const { boot } = encode({
    mounts: [
      { kind: 'file', target: '/b', content, mode: 0o600 },
      { kind: 'symlink', target: '../x', path: '/l' },
    ],
  }).decoded
  const file = only(boot, wire.BOOT.BOOT_FILE).at(-1)?.payload
  assert.equal([file?.u32(), file?.string(), [...(file?.bytes() ?? [])]], [0o600, '/b', [...content]])
  assert.ok(file?.done)
  const link = only(boot, wire.BOOT.BOOT_SYMLINK).at(-1)?.payload
  assert.equal([link?.string(), link?.string(), link?.done], ['../x', '/l', true])
})

test('standard streams carry their descriptor, flags, path and input', () => {
  const { host } = encode().decoded
  const [stdin, stdout, stderr] = only(host, wire.HOST.HOST_STDIO).map(({ payload }) => ({
    head: [payload.u32(), payload.u32(), payload.u32(), payload.string()],
    input: payload.bytes().toString(),
    done: payload.done,
  }))
  assert.equal(stdin, { head: [0, wire.STDIO.WIRE_STDIO_FEED, 0, ''], input: 'hello', done: true })
  assert.equal(stdout, { head: [1, wire.STDIO.WIRE_STDIO_PIPE, 0, ''], input: '', done: true })
  const flags = 0o1 | 0o100 | 0o400 | 0o2000 | 0o2000000 // O_WRONLY O_CREAT O_NOCTTY O_APPEND O_CLOEXEC
  assert.equal(stderr, { head: [2, wire.STDIO.WIRE_STDIO_PATH, flags, '/tmp/e'], input: '', done: true })
  assert.is(one(host, wire.HOST.HOST_OUTPUT_LIMIT).payload.u64(), 5n * 2n ** 32n + 7n)
})

test('a command: its file, its arguments, the empty one and the one outside ASCII included', () => {
  const { exec } = encode().decoded
  const { payload } = one(exec, wire.EXEC.EXEC_COMMAND)
  assert.is(payload.string(), '/bin/tool')
  const count = payload.u32()
  assert.equal(
    Array.from({ length: count }, () => payload.string()),
    ['/bin/tool', '', 'zwölf', 'four'],
  )
  assert.ok(payload.done)
  assert.is(only(exec, wire.EXEC.EXEC_LAST).length, 1)
})

test('environment, limits, ids and capabilities of a command', () => {
  const { exec } = encode({
    environment: { A: '1', B: '' },
    limits: { wallTimeMs: 1500, cpuTimeMs: 0.25, coreBytes: 'max' },
    priority: { nice: -5 },
    capabilities: ['chown', 'setfcap', 'checkpoint_restore'],
    user: { uid: 7, gid: 8 },
  }).decoded
  const environment = one(exec, wire.EXEC.EXEC_ENVIRONMENT).payload
  assert.equal([environment.u32(), environment.string(), environment.string()], [2, 'A=1', 'B='])
  assert.is(one(exec, wire.EXEC.EXEC_WALL_LIMIT).payload.u64(), 1_500_000_000n)
  assert.is(one(exec, wire.EXEC.EXEC_CPU_LIMIT).payload.u64(), 250_000n)
  assert.is(one(exec, wire.EXEC.EXEC_NICE).payload.u32() | 0, -5)
  assert.is(one(exec, wire.EXEC.EXEC_CAPABILITIES).payload.u64(), 1n | (1n << 31n) | (1n << 40n))
  const user = one(exec, wire.EXEC.EXEC_USER).payload
  assert.equal([user.u32(), user.u32()], [7, 8])
  const rlimits = only(exec, wire.EXEC.EXEC_RLIMIT).map(({ payload }) => [payload.u32(), payload.u64(), payload.u64()])
  // RLIMIT_CORE, RLIMIT_NOFILE
  assert.equal(rlimits, [
    [4, 2n ** 64n - 1n, 2n ** 64n - 1n],
    [7, 1024n, 1024n],
  ])
  assert.is(only(encode({}, { privileged: false }).decoded.exec, wire.EXEC.EXEC_USER).length, 0)
})

test('an error’s phase and index lead to the path or option of its record', () => {
  const { request, decoded } = encode({ cwd: '/work', limits: { pids: 5 } })
  const at = (records: Decoded[], op: number) => records.findIndex((record) => record.op === op)
  const { PHASE_HOST, PHASE_BOOT, PHASE_EXEC } = wire.PHASE
  assert.is(request.subject(PHASE_EXEC, at(decoded.exec, wire.EXEC.EXEC_COMMAND))?.path, '/bin/tool')
  assert.is(request.subject(PHASE_EXEC, at(decoded.exec, wire.EXEC.EXEC_CWD))?.path, '/work')
  assert.is(request.subject(PHASE_HOST, decoded.host.length - 1)?.path, '/tmp/e')
  assert.equal(request.subject(PHASE_HOST, at(decoded.host, wire.HOST.HOST_LIMIT)), {
    path: 'pids.max',
    feature: 'limits.pids',
  })
  assert.is(request.subject(PHASE_BOOT, at(decoded.boot, wire.BOOT.BOOT_PROC))?.path, '/proc')
  assert.is(request.subject(PHASE_BOOT, 9999), undefined)
  assert.is(request.subject(77, 0), undefined)
})

test('a large command and a large environment fit', () => {
  const argv = Array.from({ length: 5000 }, (_, i) => `argument ${i} ${'ü'.repeat(i % 7)}`)
  const environment = Object.fromEntries(argv.map((value, i) => [`V${i}`, value]))
  const { exec } = encode({ environment }, {}, { command: { file: 'x', argv } }).decoded
  const { payload } = one(exec, wire.EXEC.EXEC_COMMAND)
  assert.equal([payload.string(), payload.u32()], ['x', 5000])
  for (const argument of argv) assert.is(payload.string(), argument)
  assert.is(one(exec, wire.EXEC.EXEC_ENVIRONMENT).payload.u32(), 5000)
})

test.run()
