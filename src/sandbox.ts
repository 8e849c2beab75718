// A recipe that can be carried out: the builder's verbs, and the three that act: plan, spawn, run.

import { SandboxBuilder } from './builder.js'
import { encodePlan } from './encode.js'
import { abortedError, captureOrigin, withOrigin } from './errors.js'
import { type HostFacts, hostFacts } from './host-facts.js'
import { Launch, type Prepared } from './launch.js'
import { parseCommand, parseRunOptions, parseSpawnOptions } from './options/command.js'
import { makePlan } from './plan.js'
import type { SandboxPlan } from './plan-types.js'
import { resultOf, SandboxProcess } from './process.js'
import { DEFAULT_RECIPE, finite } from './recipe.js'
import type { RunResult } from './result-types.js'
import { filterOf } from './seccomp/filter.js'
import type { RunOptions, SpawnOptions } from './types.js'

/** What `run` keeps of a program's output when the recipe says nothing: 64 MiB. */
export const DEFAULT_RUN_OUTPUT = 64 * 2 ** 20

/**
 * An immutable recipe for sandboxes: every method returns a new one, and one recipe can start any number of sandboxes.
 *
 * @example
 * const box = sandbox().limits({ memory: '256MiB', wallTime: '5s' })
 * const result = await box.run('python3', ['-c', 'print(6 * 7)'])
 * console.log(result.stdout, result.explain())
 */
export class Sandbox extends SandboxBuilder {
  #prepared: (Prepared & { readonly facts: HostFacts }) | undefined

  // What all commands of a recipe share is planned and encoded once.
  #prepare(): Prepared {
    const facts = hostFacts()
    if (this.#prepared?.facts !== facts) {
      const plan = makePlan(this.recipe, facts)
      const filter = filterOf(this.recipe.seccomp, this.recipe.capabilities, facts.machine)
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
  async spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<SandboxProcess> {
    const command = parseCommand('spawn()', file, args)
    const { stdio, signal } = parseSpawnOptions(options)
    const prepared = this.#prepare()
    const { limits } = this.recipe
    const origin = captureOrigin(this.spawn)
    const outputBytes = finite(limits.outputBytes)
    const launch = new Launch(prepared, { command, stdio, outputBytes, collect: false }, signal, origin)
    const started = await launch.started
    const child = new SandboxProcess({ launch, plan: prepared.plan, limits }, started)
    if (signal?.aborted) {
      // It came too late to stop the start, and too early for the caller to have seen it.
      await child[Symbol.asyncDispose]()
      throw withOrigin(abortedError(signal), origin)
    }
    return child
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
    const { stdio, signal, encoding } = parseRunOptions(options)
    const prepared = this.#prepare()
    const outputLimit = this.recipe.limits.outputBytes ?? DEFAULT_RUN_OUTPUT
    const limits = { ...this.recipe.limits, outputBytes: outputLimit }
    const origin = captureOrigin(this.run)
    const launch = new Launch(
      prepared,
      { command, stdio, outputBytes: finite(outputLimit), collect: true },
      signal,
      origin,
    )
    const event = await launch.exited
    const stdout = event.stdout ?? Buffer.alloc(0)
    const stderr = event.stderr ?? Buffer.alloc(0)
    if (encoding === 'buffer') return resultOf(event, prepared.plan, limits, { stdout, stderr })
    return resultOf(event, prepared.plan, limits, {
      stdout: stdout.toString(encoding),
      stderr: stderr.toString(encoding),
    })
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
