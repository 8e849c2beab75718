// The exec section: one command, its environment, credentials and limits of its own.

import { capabilityMask } from '../capabilities.js'
import type { Command } from '../options/command.js'
import type { TerminalSize } from '../options/terminal.js'
import type { PlanCommand, PlanIdentity, SandboxPlan } from '../plan-types.js'
import { freshPlaces } from '../rootfs/fresh.js'
import type { Filter } from '../seccomp/compile.js'
import { attributeBits } from './host.js'
import { landlockRecord, landlockSubject } from './landlock.js'
import { CLONE, EXEC, RECORD_FLAG, RLIMIT } from './wire.js'
import { type Section, Writer } from './writer.js'

const NS_PER_MS = 1e6
const LANDLOCK = {
  landlock: EXEC.EXEC_FRESH_LANDLOCK,
  'landlock-path': EXEC.EXEC_FRESH_LANDLOCK_PATH,
  'landlock-port': EXEC.EXEC_FRESH_LANDLOCK_PORT,
} as const

function limit(writer: Writer, value: number | 'max'): Writer {
  return value === 'max' ? writer.u32(0xffffffff).u32(0xffffffff) : writer.u64(value)
}

/** The part of the section that every command of a recipe shares. */
export function encodeExec(command: PlanCommand, identity: PlanIdentity, filter: Filter | undefined): Section {
  const writer = new Writer()
  const environment = Object.entries(command.environment)
  writer.begin(EXEC.EXEC_ENVIRONMENT, { feature: 'env' }).u32(environment.length)
  for (const [name, value] of environment) writer.string(`${name}=${value}`)
  writer.end()
  writer.begin(EXEC.EXEC_SEARCH_PATH, { path: command.searchPath }).string(command.searchPath).end()
  writer.begin(EXEC.EXEC_CWD, { path: command.cwd, feature: 'cwd' }).string(command.cwd).end()
  if (identity.switchUser) writer.begin(EXEC.EXEC_USER, { feature: 'user' }).u32(identity.uid).u32(identity.gid).end()
  for (const { resource, value, clamp } of command.rlimits) {
    const flags = clamp ? RECORD_FLAG.WIRE_OPTIONAL : 0
    writer.begin(EXEC.EXEC_RLIMIT, { feature: `rlimit ${resource}` }, flags).u32(RLIMIT[resource])
    limit(limit(writer, value), value).end()
  }
  if (command.nice !== undefined) writer.begin(EXEC.EXEC_NICE, { feature: 'priority.nice' }).u32(command.nice).end()
  const [low, high] = capabilityMask(command.capabilities)
  writer.begin(EXEC.EXEC_CAPABILITIES, { feature: 'capabilities' }).u32(low).u32(high).end()
  if (command.landlock) writer.begin(EXEC.EXEC_LANDLOCK, { feature: 'landlock' }).end()
  if (filter) writer.begin(EXEC.EXEC_FILTER, { feature: 'seccomp' }).bytes(filter.bytes).end()
  if (command.cgroupNamespace) writer.begin(EXEC.EXEC_CGROUP_NAMESPACE).end()
  if (command.wallTimeMs !== undefined)
    writer
      .begin(EXEC.EXEC_WALL_LIMIT)
      .u64(Math.ceil(command.wallTimeMs * NS_PER_MS))
      .end()
  if (command.cpuTimeMs !== undefined)
    writer
      .begin(EXEC.EXEC_CPU_LIMIT)
      .u64(Math.ceil(command.cpuTimeMs * NS_PER_MS))
      .end()
  writer.begin(EXEC.EXEC_PARALLELISM).u32(command.parallelism).end()
  return { bytes: writer.finish(), subjects: writer.subjects }
}

/** What follows it where a command of a box finds nothing of the others. */
export function encodeFresh(shared: Section, plan: SandboxPlan): Section {
  const { stage, scratch, tmpfs, mqueue, landlock } = freshPlaces(plan)
  const writer = new Writer()
  writer
    .begin(EXEC.EXEC_FRESH_NAMESPACES)
    .u64(CLONE.mount + CLONE.ipc)
    .end()
  const at = scratch.at(-1)?.target
  if (stage && at !== undefined)
    writer.begin(EXEC.EXEC_FRESH_STAGE, { path: at }).u64(stage.sizeBytes).u32(stage.inodes).string(at).end()
  for (const { target, mode, attributes } of scratch) {
    const attrs = attributeBits({ attributes })
    writer.begin(EXEC.EXEC_FRESH_SCRATCH, { path: target }).u32(mode).u32(attrs).string(target).end()
  }
  for (const { target, sizeBytes, inodes, mode, attributes } of tmpfs) {
    writer.begin(EXEC.EXEC_FRESH_TMPFS, { path: target }).u64(sizeBytes).u32(inodes)
    writer.u32(mode).u32(attributeBits({ attributes })).string(target).end()
  }
  for (const { target } of mqueue) writer.begin(EXEC.EXEC_FRESH_MQUEUE, { path: target }).string(target).end()
  for (const step of landlock) landlockRecord(writer.begin(LANDLOCK[step.op], landlockSubject(step)), step).end()
  const bytes = Buffer.concat([shared.bytes, writer.finish()])
  return { bytes, subjects: [...shared.subjects, ...writer.subjects] }
}

/** The part of the section that is one command's own; `last` when the sandbox ends with it. */
export function encodeCommand(writer: Writer, command: Command, last: boolean): void {
  writer.begin(EXEC.EXEC_COMMAND, { path: command.file }).string(command.file).u32(command.argv.length)
  for (const argument of command.argv) writer.string(argument)
  writer.end()
  if (last) writer.begin(EXEC.EXEC_LAST).end()
}

/** A terminal as the command's standard streams; `variable` is `NAME=value` for its environment, or `''`. */
export function encodeTerminal(
  writer: Writer,
  { columns, rows, variable }: TerminalSize & { readonly variable: string },
): void {
  writer.begin(EXEC.EXEC_TERMINAL, { path: '/dev/ptmx', feature: 'pty' }).u32(columns).u32(rows).string(variable).end()
}
