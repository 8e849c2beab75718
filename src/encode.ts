// From plan to bytes: what a recipe's commands share is encoded once, and what is one command's own is appended.

import { encodeBoot } from './encode/boot.js'
import { encodeCommand, encodeExec } from './encode/exec.js'
import { encodeHost, encodeStdio } from './encode/host.js'
import { REQUEST_FLAG, WIRE_MAGIC, WIRE_REQUEST_SIZE, WIRE_VERSION } from './encode/wire.js'
import { type Section, type Subject, Writer } from './encode/writer.js'
import type { Command, Stdio } from './options/command.js'
import type { SandboxPlan } from './plan-types.js'

/** The sections of a plan, without the parts that are one command's own. */
export interface EncodedPlan {
  readonly host: Section
  readonly boot: Section
  readonly exec: Section
  /** Bits of enum wire_request_flag that hold for every command. */
  readonly flags: number
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
  /** Whether the addon gathers the output and reports only the end. */
  readonly collect: boolean
}

/** Encodes what all commands of a plan share; `caller` are the ids of the Node process. */
export function encodePlan(plan: SandboxPlan, caller: { uid: number; gid: number }): EncodedPlan {
  return {
    host: encodeHost(plan, caller),
    boot: encodeBoot(plan.boot),
    exec: encodeExec(plan.command, plan.identity),
    flags: plan.networkAhead ? REQUEST_FLAG.WIRE_NETWORK_AHEAD : 0,
  }
}

/** The whole request for one command. */
export function encodeRequest(
  { host, boot, exec, flags: shared }: EncodedPlan,
  request: CommandRequest,
): EncodedRequest {
  const streams = new Writer(256)
  encodeStdio(streams, request.stdio, request.outputBytes)
  const command = new Writer(256)
  encodeCommand(command, request.command)

  const parts = [host.bytes, streams.finish(), boot.bytes, exec.bytes, command.finish()] as const
  const hostSize = parts[0].length + parts[1].length
  const execSize = parts[3].length + parts[4].length
  const bytes = Buffer.allocUnsafe(WIRE_REQUEST_SIZE + hostSize + boot.bytes.length + execSize)
  const flags = shared | (request.collect ? REQUEST_FLAG.WIRE_COLLECT : 0)
  for (const [i, value] of [WIRE_MAGIC, WIRE_VERSION, hostSize, boot.bytes.length, execSize, flags].entries()) {
    bytes.writeUInt32LE(value, i * 4)
  }
  let at = WIRE_REQUEST_SIZE
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  const tables = [[host.subjects, streams.subjects], [boot.subjects], [exec.subjects, command.subjects]]
  return { bytes, subject: (phase, index) => tables[phase]?.flat()[index] }
}
