// From plan to bytes: what a recipe's commands share is encoded once, and what is one command's own is appended.

import { type BootSection, encodeBoot } from './encode/boot.js'
import { encodeCommand, encodeExec, encodeFresh, encodeTerminal } from './encode/exec.js'
import { encodeCommandHost, encodeHost, encodeStdio } from './encode/host.js'
import { REQUEST_FLAG, WIRE_MAGIC, WIRE_REQUEST_SIZE, WIRE_VERSION } from './encode/wire.js'
import { type Section, type Subject, Writer } from './encode/writer.js'
import { type Command, NO_INPUT, type Stdio } from './options/command.js'
import type { TerminalSize } from './options/terminal.js'
import type { SandboxPlan } from './plan-types.js'
import type { Filter } from './seccomp/compile.js'

// Offsets of host_size and exec_size in struct wire_request.
const HOST_SIZE_AT = 8
const EXEC_SIZE_AT = 20
const MAX_SCRATCH = 2 ** 20

/** The sections of a plan, without the parts that are one command's own. */
export interface EncodedPlan {
  readonly host: Section
  readonly boot: BootSection
  readonly exec: Section
  /** Bits of enum wire_request_flag that hold for every command. */
  readonly flags: number
  /** What requests for commands without input begin with; made with the first. */
  plain?: Beginning
}

/** A request up to the command. */
interface Beginning {
  readonly bytes: Uint8Array
  readonly execAt: number
  /** Of its streams. */
  readonly subjects: readonly Subject[]
  /** All else that it depends on. */
  readonly outputBytes: number | undefined
}

/** One request, and what its records are about: `subjects[phase][index]`. */
export interface EncodedRequest {
  readonly bytes: Uint8Array
  readonly subject: (phase: number, index: number) => Subject | undefined
}

/** What is one command's own. */
export interface CommandRequest {
  readonly command: Command
  readonly stdio: readonly Stdio[]
  readonly outputBytes: number | undefined
  /** The terminal that all three streams are, and what its environment says of it. */
  readonly terminal?: TerminalSize & { readonly variable: string }
  /** Whether the addon gathers the output and reports only the end. */
  readonly collect: boolean
  /** Whether it reports the start all the same: somebody watches. @default false */
  readonly tellStart?: boolean
  /** Whether it is one of several in a box, rather than the one its sandbox is for. @default false */
  readonly inBox?: boolean
}

/** Encodes what all commands of a plan share; `caller` are the ids of the Node process, `filter` is the plan's. */
export function encodePlan(
  plan: SandboxPlan,
  caller: { uid: number; gid: number },
  filter: Filter | undefined,
): EncodedPlan {
  return {
    host: encodeHost(plan, caller),
    boot: encodeBoot(plan.boot, plan.ahead),
    exec: encodeExec(plan.command, plan.identity, filter),
    flags:
      (plan.command.capabilities.length === 0 ? REQUEST_FLAG.WIRE_NO_CAPABILITIES : 0) |
      (plan.stocked ? REQUEST_FLAG.WIRE_STOCKED : 0),
  }
}

const NO_BOOT: BootSection = { bytes: new Uint8Array(0), subjects: [], aheadSize: 0 }

/** The same for commands in a box: what has been done at its boot is left out, or done anew for each that is `fresh`. */
export function encodeInBox(
  plan: SandboxPlan,
  encoded: EncodedPlan,
  caller: { uid: number; gid: number },
  fresh: boolean,
): EncodedPlan {
  const exec = fresh ? encodeFresh(encoded.exec, plan) : encoded.exec
  return { host: encodeCommandHost(plan, caller), boot: NO_BOOT, exec, flags: encoded.flags }
}

const SCRATCH_SIZE = 16 * 1024
let scratch = new Writer(SCRATCH_SIZE)

function begin(plan: EncodedPlan, flags: number): Writer {
  const { aheadSize, bytes } = plan.boot
  return scratch
    .reset()
    .u32(WIRE_MAGIC)
    .u32(WIRE_VERSION)
    .u32(plan.host.bytes.length)
    .u32(aheadSize)
    .u32(bytes.length)
    .u32(0)
    .u32(flags)
    .append(plan.host.bytes)
}

// A large input must not stay in memory for ever.
function finish(writer: Writer): Uint8Array {
  const bytes = writer.finish()
  if (bytes.length > MAX_SCRATCH) scratch = new Writer(SCRATCH_SIZE)
  return bytes
}

// Into the scratch memory. Of one recipe most requests begin alike, to the byte.
function beginRequest(plan: EncodedPlan, request: CommandRequest): Omit<Beginning, 'bytes'> {
  const { stdio, outputBytes, collect, tellStart = false } = request
  const isPlain = collect && !tellStart && stdio === NO_INPUT
  if (isPlain && plan.plain?.outputBytes === outputBytes && plan.plain) {
    scratch.reset().append(plan.plain.bytes)
    return plan.plain
  }
  const told = (collect ? REQUEST_FLAG.WIRE_COLLECT : 0) | (tellStart ? REQUEST_FLAG.WIRE_TELL_START : 0)
  const writer = begin(plan, plan.flags | told)
  encodeStdio(writer, stdio, outputBytes)
  writer.patch(HOST_SIZE_AT, writer.length - WIRE_REQUEST_SIZE)
  writer.append(plan.boot.bytes)
  const execAt = writer.length
  writer.append(plan.exec.bytes)
  const beginning = { execAt, subjects: writer.subjects, outputBytes }
  if (isPlain) plan.plain = { ...beginning, bytes: new Uint8Array(writer.finish()) }
  return beginning
}

/**
 * The whole request for one command. Its bytes are valid until the next call: the addon copies them, and so one piece
 * of memory serves all requests.
 */
export function encodeRequest(plan: EncodedPlan, request: CommandRequest): EncodedRequest {
  const { host, boot, exec } = plan
  const { execAt, subjects: streams } = beginRequest(plan, request)
  const writer = scratch.forget()
  encodeCommand(writer, request.command, !request.inBox)
  if (request.terminal) encodeTerminal(writer, request.terminal)
  writer.patch(EXEC_SIZE_AT, writer.length - execAt)

  const { subjects } = writer
  return {
    bytes: finish(writer),
    subject(phase, index) {
      const own = [streams, [], subjects][phase] ?? []
      const shared = [host, boot, exec][phase]?.subjects ?? []
      return index < shared.length ? shared[index] : own[index - shared.length]
    },
  }
}

/**
 * The whole request for a box without a command, and with what its commands will have in common; its bytes are valid as
 * long as those of {@link encodeRequest}.
 */
export function encodeOpen(plan: EncodedPlan, commands: EncodedPlan): EncodedRequest {
  const { host, boot } = plan
  const { bytes: shared } = commands.exec
  const writer = begin(plan, plan.flags | REQUEST_FLAG.WIRE_SHARED)
    .append(boot.bytes)
    .append(shared)
  writer.patch(EXEC_SIZE_AT, shared.length)
  return { bytes: finish(writer), subject: (phase, index) => [host, boot][phase]?.subjects[index] }
}
