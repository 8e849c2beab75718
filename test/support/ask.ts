// Asks the probe questions, in a sandbox or on the host, and gives its answers back as values.
import { spawnSync } from 'node:child_process'
import type { Sandbox } from 'cofferdam'
import { probe } from './probe.js'

export interface Ids {
  /** Real, effective, saved. */
  uid: number[]
  gid: number[]
  groups: number[]
}

export interface Pids {
  self: number
  parent: number
  group: number
  session: number
  visible: number[]
}

export interface FileInfo {
  type: string
  mode: string
  uid: number
  gid: number
  size: number
  device?: string
}

/** By the names of /proc/self/ns. */
export type NamespaceIds = Record<string, string>

/** Each command is one text (`'connect 127.0.0.1 80'`), and each line that the probe writes one answer. */
export async function ask<Answers extends unknown[] = string[]>(
  recipe: Sandbox,
  ...commands: string[]
): Promise<Answers> {
  const result = await recipe.run('/probe', toArguments(commands))
  if (!result.ok) throw new Error(`${result.explain()} ${result.stderr}`)
  return parse<Answers>(result.stdout)
}

/** The same question to a probe outside of any sandbox: what an answer from inside is held against. */
export function askHost<Answers extends unknown[] = string[]>(...commands: string[]): Answers {
  const { status, stdout, stderr } = spawnSync(probe(), toArguments(commands), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The probe failed on the host: ${stderr}`)
  return parse<Answers>(stdout)
}

/** The probe's arguments for commands that are one text each. */
export function toArguments(commands: readonly string[]): string[] {
  return commands.flatMap((command, i) => [...(i > 0 ? [','] : []), ...command.split(' ')])
}

function parse<Answers extends unknown[]>(output: string): Answers {
  const lines = output.split('\n').filter((line) => line !== '')
  return lines.map((line) => (/^[[{]/.test(line) ? JSON.parse(line) : line)) as Answers
}
