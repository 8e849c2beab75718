// Where the fuzzer starts from: what the encoder makes of recipes that between them have every kind of record.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandRequest, encodeInBox, encodeOpen, encodePlan, encodeRequest } from '../../src/encode.js'
import type { HostFacts } from '../../src/host-facts.js'
import { makePlan } from '../../src/plan.js'
import type { Recipe } from '../../src/recipe.js'
import { type Sandbox, sandbox } from '../../src/sandbox.js'
import { filterOf } from '../../src/seccomp/filter.js'
import { facts, PURE_V2 } from '../pure/facts.js'
import { readDefine, readEnum } from '../pure/wire-header.js'

const REQUEST_HEADER = 28
const [KIND, ROLE, FLAG] = [readEnum('wire_kind'), readEnum('wire_role'), readEnum('wire_packet_flag')]
const INLINE_MAX = 98_304

const COMMAND: CommandRequest = {
  command: { file: 'tool', argv: ['tool', '', 'zwölf'] },
  stdio: [{ kind: 'feed', input: 'hello' }, { kind: 'pipe' }, { kind: 'path', path: '/tmp/e', append: true }],
  outputBytes: 4096,
  collect: false,
}

const ON_TERMINAL: CommandRequest = {
  ...COMMAND,
  stdio: [{ kind: 'terminal' }, { kind: 'terminal' }, { kind: 'terminal' }],
  terminal: { columns: 80, rows: 24, variable: 'TERM=xterm' },
}

const RECIPES: readonly (readonly [Sandbox, Partial<HostFacts>])[] = [
  [sandbox(), {}],
  [
    sandbox()
      .rootfs(['/usr', '/etc'], { upper: '/var' })
      .hostname('box')
      .clockOffset({ monotonic: 5, boottime: -7 })
      .bind('/etc/hosts', '/etc/hosts', { optional: true })
      .tmpfs('/scratch', { size: '1MiB' })
      .file('/etc/motd', 'hello')
      .symlink('/a', '/b')
      .mask('/proc/kcore')
      .limits({ memory: '64MiB', pids: 9, cpu: 0.5, cpuTime: '2s', wallTime: '3s', openFiles: 64, output: 4096 })
      .priority({ nice: 3, cpuWeight: 50 })
      .capabilities('net_bind_service')
      .env({ LANG: 'C' })
      .cwd('/tmp')
      .user(1000, 1000),
    { cgroups: PURE_V2 },
  ],
  [sandbox().rootfs('/usr', { mode: 'readonly', switch: 'switch_root' }).seccomp('off'), { cgroups: PURE_V2 }],
  [sandbox().rootfs('/usr', { mode: 'writable' }).seccomp('strict').limits({ cpuTime: '1s' }), {}],
  [sandbox().share('mount', 'pid', 'user').rootfs('/usr', { switch: 'chroot' }), {}],
]

const u32 = (...numbers: number[]) =>
  Buffer.concat(numbers.map((number) => Buffer.from(new Uint32Array([number]).buffer)))

/** A packet for init, with its size before it as test/fuzz/kernel.c takes it. */
function packet(kind: number, roles: number[], boot: Uint8Array, exec: Uint8Array, a = 0, b = 0): Buffer {
  const bodySize = roles.length * 4 + boot.length + exec.length
  const mapped = bodySize > INLINE_MAX || a & (FLAG.WIRE_MAPPED ?? 0)
  const flags = mapped ? a | (FLAG.WIRE_MAPPED ?? 0) : a
  const header = u32(readDefine('WIRE_MAGIC'), kind, 1, roles.length, boot.length, exec.length, flags, b)
  return Buffer.concat([u32(header.length + bodySize), header, u32(...roles), boot, exec])
}

const role = (name: string, number = 0) => (((ROLE[name] ?? 0) << 16) | number) >>> 0
const ROLES = [
  ...[0, 1, 2].map((fd) => role('ROLE_STDIO', fd)),
  ...[0, 1, 2, 3].map((tree) => role('ROLE_TREE', tree)),
  ...['ROLE_LEAF', 'ROLE_KILL', 'ROLE_CPU_CLOCK', 'ROLE_PROCS'].map((name) => role(name)),
]

function sections(bytes: Uint8Array): { boot: Buffer; exec: Buffer } {
  const all = Buffer.from(bytes)
  const [host, boot, exec] = [all.readUInt32LE(8), all.readUInt32LE(16), all.readUInt32LE(20)]
  const at = REQUEST_HEADER + host
  return { boot: all.subarray(at, at + boot), exec: all.subarray(at + boot, at + boot + exec) }
}

/** What init is sent: all at once, in a memfd, or a boot first and commands later; and an end by KILL. */
function conversations(boot: Buffer, exec: Buffer, inBox: Buffer): Buffer[] {
  const none = Buffer.alloc(0)
  const request = KIND.WIRE_REQUEST ?? 0
  const kill = packet(KIND.WIRE_KILL ?? 0, [], none, none, 9, 1)
  return [
    packet(request, ROLES, boot, exec),
    packet(request, ROLES, boot, exec, FLAG.WIRE_MAPPED ?? 0),
    Buffer.concat([packet(request, ROLES, boot, none), packet(request, ROLES, none, inBox), kill]),
  ].map((packets) => Buffer.concat([Buffer.from([0, 1]), packets]))
}

/** Writes one directory of inputs for each target. */
export function writeSeeds(directory: string): void {
  for (const target of ['request', 'command', 'init']) mkdirSync(join(directory, target), { recursive: true })
  const write = (target: string, name: string, data: Uint8Array) => writeFileSync(join(directory, target, name), data)
  for (const [number, [builder, part]] of RECIPES.entries()) {
    const host = facts(part)
    const recipe = (builder as unknown as { recipe: Recipe }).recipe
    const plan = makePlan(recipe, host)
    const encoded = encodePlan(plan, host, filterOf(recipe.seccomp, recipe.capabilities, host.machine))
    const whole = Buffer.from(encodeRequest(encoded, COMMAND).bytes)
    const box = encodeInBox(plan, encoded, host, true)
    const inBox = Buffer.from(encodeRequest(box, { ...COMMAND, inBox: true }).bytes)
    write('request', `whole-${number}`, whole)
    write('request', `box-${number}`, inBox)
    const onTerminal = Buffer.from(encodeRequest(encoded, ON_TERMINAL).bytes)
    write('request', `terminal-${number}`, onTerminal)
    write('request', `open-${number}`, Buffer.from(encodeOpen(encoded, box).bytes))
    const { boot, exec } = sections(whole)
    const fresh = sections(inBox).exec
    write('command', `whole-${number}`, exec)
    write('command', `fresh-${number}`, fresh)
    write('command', `terminal-${number}`, sections(onTerminal).exec)
    write('init', `terminal-${number}`, conversations(boot, sections(onTerminal).exec, fresh)[0] ?? Buffer.alloc(0))
    for (const [kind, packets] of conversations(boot, exec, fresh).entries())
      write('init', `${number}-${kind}`, packets)
  }
}
