// A recipe that can be carried out: the builder's verbs, and those that act: plan, spawn, run, open.

import { Boot } from './boot.js'
import { Box } from './box.js'
import { SandboxBuilder } from './builder.js'
import { runCommand, spawnCommand } from './command.js'
import { encodeInBox, encodePlan } from './encode.js'
import { captureOrigin, type Origin } from './errors.js'
import { type HostFacts, hostFacts } from './host-facts.js'
import type { Prepared } from './launch.js'
import { parseCommand, parseOpenOptions, parseRunOptions, parseSpawnOptions } from './options/command.js'
import { makePlan } from './plan.js'
import type { SandboxPlan } from './plan-types.js'
import type { SandboxProcess } from './process.js'
import { DEFAULT_RECIPE } from './recipe.js'
import type { RunResult } from './result-types.js'
import { filterOf } from './seccomp/filter.js'
import type { TerminalProcess } from './terminal.js'
import type { OpenOptions, PtySpawnOptions, RunOptions, SpawnOptions } from './types.js'

interface PreparedRecipe extends Prepared {
  readonly facts: HostFacts
  /** As it is for commands in a box; made with the first. */
  inBox?: Prepared
  /** The same where each finds the box as new. */
  fresh?: Prepared
}

/** Opens a box; `fresh` has each command of it find nothing of the others (only if the plan is `resettable`). */
export let openBox: (
  sandbox: Sandbox,
  how: { signal: AbortSignal | undefined; fresh: boolean },
  origin: Origin,
) => Promise<Box>

/**
 * An immutable recipe for sandboxes: every method returns a new one, and one recipe can start any number of sandboxes.
 *
 * @example
 * const box = sandbox().limits({ memory: '256MiB', wallTime: '5s' })
 * const result = await box.run('python3', ['-c', 'print(6 * 7)'])
 * console.log(result.stdout, result.explain())
 */
export class Sandbox extends SandboxBuilder {
  static {
    openBox = async (sandbox, { signal, fresh }, origin) => {
      const calledAt = performance.now() // a pool's origin is the pool's own
      const prepared = sandbox.#prepare()
      const { plan, encoded, facts } = prepared
      const kind = fresh ? 'fresh' : 'inBox'
      const commands = prepared[kind] ?? { plan, encoded: encodeInBox(plan, encoded, facts, fresh) }
      prepared[kind] = commands
      const boot = new Boot(prepared, commands, signal, origin, calledAt)
      return new Box({ boot, prepared: commands, limits: sandbox.recipe.limits }, await boot.ready)
    }
  }

  #prepared: PreparedRecipe | undefined

  // What all commands of a recipe share is planned and encoded once.
  #prepare(): PreparedRecipe {
    const facts = hostFacts()
    if (this.#prepared?.facts !== facts) {
      const plan = makePlan(this.recipe, facts)
      const { seccomp, capabilities, landlock: ports } = this.recipe
      const { guardsInit } = plan.command.seccomp
      const filter = filterOf(seccomp, capabilities, facts.machine, { ports, guardsInit })
      this.#prepared = { facts, plan, encoded: encodePlan(plan, facts, filter) }
    }
    return this.#prepared
  }

  /**
   * What would be done, as frozen and printable data: ids, mounts, cgroup files, warnings, and what this host cannot do.
   *
   * @example console.log(sandbox().share('net').plan().warnings)
   */
  plan(): SandboxPlan {
    return this.#prepare().plan
  }

  /**
   * Starts a command in a sandbox of its own; resolves when it runs. The streams should be taken at once: when the
   * program has ended and nobody has asked for its output, only what the pipe held is kept.
   *
   * @throws TypeError or RangeError for bad arguments
   * @throws SandboxUnsupportedError when this host cannot give what the recipe asks for
   * @throws SandboxSetupError when a step fails: `step` `'exec'` with code `ENOENT` for a program that is not there
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when `signal` fires before the command runs
   * @example
   * const child = await sandbox().spawn('sort', ['-n'])
   * child.stdin?.end('3\n1\n2\n')
   * child.stdout?.pipe(process.stdout)
   * await child.wait()
   */
  spawn(file: string, args: readonly string[] | undefined, options: PtySpawnOptions): Promise<TerminalProcess>
  spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<SandboxProcess>
  async spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<SandboxProcess> {
    const command = parseCommand('spawn()', file, args)
    const parsed = parseSpawnOptions(options)
    const origin = captureOrigin(this.spawn)
    return spawnCommand({ prepared: this.#prepare(), limits: this.recipe.limits, command, origin }, parsed)
  }

  /**
   * Runs a command to its end in a sandbox of its own: feeds its stdin, gathers stdout and stderr at once, and resolves
   * with how it ended. A program that fails is a result, not an error.
   *
   * Its output is limited to 64 MiB unless `limits({ output })` says otherwise, since it is held in memory.
   *
   * @throws TypeError or RangeError for bad arguments
   * @throws SandboxUnsupportedError when this host cannot give what the recipe asks for
   * @throws SandboxSetupError when a step fails: `step` `'exec'` with code `ENOENT` for a program that is not there
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when `signal` fires before the command runs
   * @example
   * const { stdout } = (await sandbox().run('tr', ['a-z', 'A-Z'], { input: 'hello' })).throwIfFailed()
   */
  run(
    file: string,
    args: readonly string[] | undefined,
    options: RunOptions & { encoding: 'buffer' },
  ): Promise<RunResult<Buffer>>
  run(
    file: string,
    args?: readonly string[],
    options?: RunOptions & { encoding?: BufferEncoding | undefined },
  ): Promise<RunResult<string>>
  run(file: string, args?: readonly string[], options?: RunOptions): Promise<RunResult<string> | RunResult<Buffer>>
  async run(
    file: string,
    args?: readonly string[],
    options?: RunOptions,
  ): Promise<RunResult<string> | RunResult<Buffer>> {
    const command = parseCommand('run()', file, args)
    const parsed = parseRunOptions(options)
    const origin = captureOrigin(this.run)
    return runCommand({ prepared: this.#prepare(), limits: this.recipe.limits, command, origin }, parsed)
  }

  /**
   * Boots a sandbox without a command and keeps it open, for any number of commands; resolves when it has booted. A
   * command then costs little more than its own start.
   *
   * @throws TypeError for bad options
   * @throws SandboxUnsupportedError when this host cannot give what the recipe asks for
   * @throws SandboxSetupError when a step fails
   * @throws SandboxError `ERR_SANDBOX_ABORTED` when `signal` fires before it has booted
   * @example
   * await using box = await sandbox().open()
   * const results = await Promise.all(['a', 'b', 'c'].map((text) => box.run('echo', [text])))
   */
  async open(options?: OpenOptions): Promise<Box> {
    const { signal } = parseOpenOptions(options)
    return openBox(this, { signal, fresh: false }, captureOrigin(this.open))
  }
}

/**
 * The beginning of every recipe: all eight namespaces new, a read-only view of the host's system directories as root,
 * no network, no capabilities, filtered system calls, an empty environment, an unprivileged user, no limits.
 *
 * @example const result = await sandbox().run('echo', ['hello'])
 */
export function sandbox(): Sandbox {
  return new Sandbox(DEFAULT_RECIPE)
}
