// The host section: what the addon does before and around clone3.

import type { Stdio } from '../options/command.js'
import type { BootStep, MountSource, PlanHierarchy, SandboxPlan } from '../plan-types.js'
import { CLONE, CPU_CLOCK, HOST, MOUNT_ATTR, RECORD_FLAG, RLIMIT, STDIO, TREE_FLAG } from './wire.js'
import { type Section, Writer } from './writer.js'

/** The bits of a source's attributes (MOUNT_ATTR_*). */
export function attributeBits(source: Pick<MountSource, 'attributes'>): number {
  return source.attributes.reduce((bits, name) => bits | MOUNT_ATTR[name], 0)
}

/** The bits of a source's kind (WIRE_TREE_*). */
export function treeFlags(source: MountSource): number {
  return (
    (source.recursive ? TREE_FLAG.WIRE_TREE_RECURSIVE : 0) |
    (source.idMapped ? TREE_FLAG.WIRE_TREE_ID_MAPPED : 0) |
    (source.layer ? TREE_FLAG.WIRE_TREE_LAYER : 0) |
    (source.devices ? TREE_FLAG.WIRE_TREE_DEVICES : 0)
  )
}

/** Sources that the caller lends, in the order in which trees are numbered. */
export function lentSources(boot: readonly BootStep[]): MountSource[] {
  return boot.flatMap((step) => ('source' in step && step.source.lent ? [step.source] : []))
}

function encodeIdentity(
  writer: Writer,
  { namespaces, identity }: SandboxPlan,
  caller: { uid: number; gid: number },
): void {
  const flags = namespaces.reduce((bits, name) => bits + CLONE[name], 0)
  writer.begin(HOST.HOST_NAMESPACES).u64(flags).end()
  for (const [which, map] of [identity.uidMap, identity.gidMap].entries()) {
    for (const { inside, outside, count } of map) {
      writer.begin(HOST.HOST_ID_MAP).u32(which).u32(inside).u32(outside).u32(count).end()
    }
  }
  if (identity.mapWriters) {
    const { newuidmap, newgidmap } = identity.mapWriters
    writer.begin(HOST.HOST_MAP_WRITERS).string(newuidmap).string(newgidmap).end()
  }
  if (identity.denySetgroups) writer.begin(HOST.HOST_DENY_SETGROUPS).end()
  if (identity.hostUid !== caller.uid || identity.hostGid !== caller.gid) {
    writer.begin(HOST.HOST_OWNER).u32(identity.hostUid).u32(identity.hostGid).end()
  }
}

// Seconds and nanoseconds; the latter are never negative, so -0.5 s is -1 s and 500000000 ns.
function encodeOffset(writer: Writer, ms: number): void {
  const seconds = Math.floor(ms / 1000)
  writer.u64(seconds).u32(Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6)))
}

function encodeHierarchy(writer: Writer, hierarchy: PlanHierarchy): void {
  const { version, base, enable, cpuClock } = hierarchy
  writer.begin(HOST.HOST_HIERARCHY, { path: base, feature: 'cgroups' }).u32(version).string(base).string(enable).end()
  const writes = [
    [HOST.HOST_GROUP_WRITE, hierarchy.groupWrites],
    [HOST.HOST_LIMIT, hierarchy.limits],
  ] as const
  for (const [op, list] of writes) {
    for (const { feature, file, value, optional } of list) {
      writer
        .begin(op, { path: file, feature }, optional ? RECORD_FLAG.WIRE_OPTIONAL : 0)
        .string(file)
        .string(value)
        .end()
    }
  }
  for (const { file, optional } of hierarchy.stats) {
    writer
      .begin(HOST.HOST_STAT, { path: file }, optional ? RECORD_FLAG.WIRE_OPTIONAL : 0)
      .string(file)
      .end()
  }
  if (cpuClock !== undefined) {
    const kind = cpuClock === 'cpu.stat' ? CPU_CLOCK.WIRE_CPU_STAT_V2 : CPU_CLOCK.WIRE_CPUACCT_USAGE
    writer.begin(HOST.HOST_CPU_CLOCK, { path: cpuClock, feature: 'limits.cpuTime' }).u32(kind).string(cpuClock).end()
  }
}

/** The part of the section that every command of a recipe shares. */
export function encodeHost(plan: SandboxPlan, caller: { uid: number; gid: number }): Section {
  const writer = new Writer()
  encodeIdentity(writer, plan, caller)
  // At the same places as in encodeCommandHost: what the addon makes ahead for commands names them by these.
  for (const hierarchy of plan.cgroups) encodeHierarchy(writer, hierarchy)
  if (plan.clockOffset) {
    writer.begin(HOST.HOST_CLOCK_OFFSETS, { feature: 'clockOffset' })
    encodeOffset(writer, plan.clockOffset.monotonicMs)
    encodeOffset(writer, plan.clockOffset.boottimeMs)
    writer.end()
  }
  for (const { resource, value } of plan.command.raisedRlimits) {
    writer.begin(HOST.HOST_RLIMIT, { feature: `rlimit ${resource}` }).u32(RLIMIT[resource])
    for (let i = 0; i < 2; i++) value === 'max' ? writer.u32(0xffffffff).u32(0xffffffff) : writer.u64(value)
    writer.end()
  }
  if (plan.command.raisedNice)
    writer
      .begin(HOST.HOST_NICE, { feature: 'priority.nice' })
      .u32(plan.command.nice ?? 0)
      .end()
  if (plan.workdir !== undefined) writer.begin(HOST.HOST_WORKDIR, { path: plan.workdir }).string(plan.workdir).end()
  for (const source of lentSources(plan.boot)) {
    const flags = source.optional ? RECORD_FLAG.WIRE_OPTIONAL : 0
    writer
      .begin(HOST.HOST_TREE, { path: source.path }, flags)
      .u32(attributeBits(source))
      .u32(treeFlags(source))
      .string(source.path)
      .end()
  }
  return { bytes: writer.finish(), subjects: writer.subjects }
}

/** The same of a command in a box that has booted: what its streams and its groups need. */
export function encodeCommandHost(plan: SandboxPlan, caller: { uid: number; gid: number }): Section {
  const writer = new Writer()
  encodeIdentity(writer, plan, caller)
  for (const hierarchy of plan.cgroups) encodeHierarchy(writer, hierarchy)
  return { bytes: writer.finish(), subjects: writer.subjects }
}

// open(2) flags, the same on x86_64 and aarch64.
const O_RDONLY = 0
const O_WRONLY = 0o1
const O_CREAT = 0o100
const O_NOCTTY = 0o400
const O_TRUNC = 0o1000
const O_APPEND = 0o2000
const O_CLOEXEC = 0o2000000

function openFlags(fd: number, append: boolean): number {
  const access = fd === 0 ? O_RDONLY : O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC)
  return access | O_NOCTTY | O_CLOEXEC
}

const PLAIN_STDIO = {
  null: STDIO.WIRE_STDIO_NULL,
  pipe: STDIO.WIRE_STDIO_PIPE,
  collect: STDIO.WIRE_STDIO_COLLECT,
  terminal: STDIO.WIRE_STDIO_TERMINAL,
} as const

/** The part of the section that is one command's: its standard streams and how much it may write to them. */
export function encodeStdio(writer: Writer, stdio: readonly Stdio[], outputBytes: number | undefined): void {
  if (outputBytes !== undefined)
    writer.begin(HOST.HOST_OUTPUT_LIMIT, { feature: 'limits.output' }).u64(outputBytes).end()
  for (const [fd, stream] of stdio.entries()) {
    writer.begin(HOST.HOST_STDIO, stream.kind === 'path' ? { path: stream.path } : undefined).u32(fd)
    switch (stream.kind) {
      case 'fd':
        writer.u32(STDIO.WIRE_STDIO_FD).u32(stream.fd).string('').u32(0)
        break
      case 'path':
        writer.u32(STDIO.WIRE_STDIO_PATH).u32(openFlags(fd, stream.append)).string(stream.path).u32(0)
        break
      case 'feed':
        writer.u32(STDIO.WIRE_STDIO_FEED).u32(0).string('').bytes(stream.input)
        break
      default:
        writer.u32(PLAIN_STDIO[stream.kind]).u32(0).string('').u32(0)
    }
    writer.end()
  }
}
