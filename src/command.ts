// The two ways to use a command, wherever it is started: as a live process, or fed, gathered and awaited.

import { abortedError, type Origin, withOrigin } from './errors.js'
import { Launch, type LaunchOwner, type LiveBox, type Prepared } from './launch.js'
import type { Command, parseRunOptions, parseSpawnOptions } from './options/command.js'
import { resultOf, SandboxProcess } from './process.js'
import { finite, type LimitsRecipe } from './recipe.js'
import type { RunResult } from './result-types.js'
import { TerminalProcess, terminalVariable } from './terminal.js'

/** What `run` keeps of a program's output when the recipe says nothing: 64 MiB. */
export const DEFAULT_RUN_OUTPUT = 64 * 2 ** 20

/** What a command is started with, and where. */
export interface Start {
  readonly prepared: Prepared
  readonly limits: LimitsRecipe
  readonly command: Command
  readonly origin: Origin
  /** A live box; otherwise a sandbox of its own. */
  readonly box?: LiveBox | undefined
  readonly owner?: LaunchOwner | undefined
}

const runLimits = new WeakMap<LimitsRecipe, LimitsRecipe>()

/** The limits of a command whose output is held in memory. */
function limitsOfRun(limits: LimitsRecipe): LimitsRecipe {
  if (limits.outputBytes !== undefined) return limits
  let made = runLimits.get(limits)
  if (!made) {
    made = { ...limits, outputBytes: DEFAULT_RUN_OUTPUT }
    runLimits.set(limits, made)
  }
  return made
}

/** Resolves when the command runs. */
export async function spawnCommand(
  { prepared, limits, command, origin, box, owner }: Start,
  { stdio, terminal, signal }: ReturnType<typeof parseSpawnOptions>,
): Promise<SandboxProcess> {
  const outputBytes = finite(limits.outputBytes)
  const variable = terminal ? terminalVariable(prepared.plan.command.environment) : ''
  const request = {
    command,
    stdio,
    outputBytes,
    collect: false,
    inBox: box !== undefined,
    ...(terminal && { terminal: { ...terminal, variable } }),
  }
  const launch = new Launch(prepared, request, { signal, origin, box, owner })
  const started = await launch.started
  const context = { launch, plan: prepared.plan, limits }
  const child = terminal ? new TerminalProcess(context, started, terminal) : new SandboxProcess(context, started)
  if (signal?.aborted) {
    // It came too late to stop the start, and too early for the caller to have seen it.
    await child[Symbol.asyncDispose]()
    throw withOrigin(abortedError(signal), origin)
  }
  return child
}

/** Resolves when the command has ended. */
export async function runCommand(
  { prepared, limits: given, command, origin, box, owner }: Start,
  { stdio, signal, encoding }: ReturnType<typeof parseRunOptions>,
): Promise<RunResult<string> | RunResult<Buffer>> {
  const limits = limitsOfRun(given)
  const request = { command, stdio, outputBytes: finite(limits.outputBytes), collect: true, inBox: box !== undefined }
  const launch = new Launch(prepared, request, { signal, origin, box, owner })
  const event = await launch.exited
  const { stdout, stderr } = event
  const output =
    encoding === 'buffer'
      ? { stdout: stdout ?? Buffer.alloc(0), stderr: stderr ?? Buffer.alloc(0) }
      : { stdout: stdout?.toString(encoding) ?? '', stderr: stderr?.toString(encoding) ?? '' }
  const result = resultOf(event, prepared.plan, limits, output) as RunResult<string> | RunResult<Buffer>
  launch.trace?.ended(result)
  return result
}
