// A box: a sandbox that has booted and stays, for any number of commands.

import type { Boot } from './boot.js'
import { runCommand, type Start, spawnCommand } from './command.js'
import { Deferred } from './deferred.js'
import { captureOrigin, endedError, type Origin, SandboxError, SandboxUnsupportedError, withOrigin } from './errors.js'
import type { Launch, LaunchOwner, Prepared } from './launch.js'
import { type Command, parseCommand, parseRunOptions, parseSpawnOptions } from './options/command.js'
import type { SandboxProcess } from './process.js'
import type { LimitsRecipe } from './recipe.js'
import type { RunResult } from './result-types.js'
import type { TerminalProcess } from './terminal.js'
import type { PtySpawnOptions, RunOptions, SpawnOptions } from './types.js'

/** Commands that init can watch at once: JOBS_MAX in binding/init/init.h. */
export const BOX_COMMANDS_MAX = 64

/** What is kept of an opening. */
export interface BoxContext {
  readonly boot: Boot
  /** The plan as it is for commands in the box. */
  readonly prepared: Prepared
  readonly limits: LimitsRecipe
}

type InBox<Options, Outcome> = (box: Box, command: Command, options: Options, origin: Origin) => Promise<Outcome>

/** Runs a command that has been checked already, as a pool does. */
export let runInBox: InBox<ReturnType<typeof parseRunOptions>, RunResult<string> | RunResult<Buffer>>
/** Starts one. */
export let spawnInBox: InBox<ReturnType<typeof parseSpawnOptions>, SandboxProcess>

/**
 * A sandbox that stays open for many commands, one after another or at once. Made by {@link Sandbox.open}.
 *
 * All commands share the box: its root and what they write there, its process ids, its network and IPC. They are not
 * walled off from one another, only from the host. Each has its own control group with the recipe's limits, its own
 * clocks, streams and result, and a limit that is reached ends that command's tree alone. When a command ends, all that
 * it has left running ends with it, daemons included (cgroup v2 `cgroup.kill`, Linux 5.14).
 *
 * A box keeps the event loop alive until it is closed, as a listening server does; see {@link unref}.
 *
 * @example
 * await using box = await sandbox().limits({ wallTime: '2s' }).open()
 * await box.run('sh', ['-c', 'echo hello > /tmp/greeting'])
 * console.log((await box.run('cat', ['/tmp/greeting'])).stdout)
 */
export class Box implements AsyncDisposable {
  static {
    runInBox = (box, command, options, origin) => runCommand(box.#start('run()', command, origin), options)
    spawnInBox = (box, command, options, origin) => spawnCommand(box.#start('spawn()', command, origin), options)
  }

  /** The process id of the box's init, on the host. */
  readonly pid: number
  readonly #boot: Boot
  readonly #prepared: Prepared
  readonly #limits: LimitsRecipe
  readonly #commands = new Set<Launch>()
  // Their trees and groups go a moment later.
  readonly #remains = new Set<Launch>()
  #idle: Deferred<void> | undefined
  readonly #owner: LaunchOwner = {
    began: (launch) => {
      this.#commands.add(launch)
      this.#remains.add(launch)
    },
    over: (launch) => this.#commands.delete(launch),
    gone: (launch) => {
      this.#remains.delete(launch)
      if (this.#remains.size > 0) return
      this.#idle?.resolve()
      this.#idle = undefined
    },
  }

  /** @internal */
  constructor({ boot, prepared, limits }: BoxContext, pid: number) {
    this.pid = pid
    this.#boot = boot
    this.#prepared = prepared
    this.#limits = limits
  }

  /** Whether it takes commands: not closed, and not lost. */
  get live(): boolean {
    return this.#boot.live
  }

  /** Settled when nothing of the box is left: no process, mount or cgroup. Never rejects. */
  get closed(): Promise<void> {
    return this.#boot.closed
  }

  // What keeps a command from being started is known here, before anything is made for it.
  #assertRoom(operation: string, origin: Origin): void {
    if (!this.#boot.live) throw withOrigin(endedError(operation), origin)
    if (this.#commands.size >= BOX_COMMANDS_MAX) {
      const message = `${operation}: the box runs ${BOX_COMMANDS_MAX} commands, and no box can run more at once.`
      const hint = 'Wait for one of them to end, or use a SandboxPool, which queues.'
      throw withOrigin(new SandboxError('ERR_SANDBOX_BOX_FULL', message, { hint }), origin)
    }
    const apart = this.#prepared.plan.cgroups.some(({ version }) => version === 2)
    if (this.#commands.size === 0 || apart) return
    throw withOrigin(
      new SandboxUnsupportedError(
        'several commands at once in a box',
        'only cgroup v2 (cgroup.kill) can end one tree of processes and leave the others, and no v2 group can be made.',
        'Run them one after another, open a box for each, or give this user a cgroup v2 group.',
      ),
      origin,
    )
  }

  #start(operation: string, command: Command, origin: Origin): Start {
    this.#assertRoom(operation, origin)
    return { prepared: this.#prepared, limits: this.#limits, command, origin, box: this.#boot, owner: this.#owner }
  }

  /**
   * Starts a command in the box; resolves when it runs. As {@link Sandbox.spawn}, except that the box stays when the
   * command ends. Its `closed` says when the last of its tree has ended and its groups are removed.
   *
   * @throws as {@link Sandbox.spawn}
   * @throws SandboxError `ERR_SANDBOX_ENDED` when the box is closed or lost, `ERR_SANDBOX_BOX_FULL` when it runs 64
   *   commands already
   * @throws SandboxUnsupportedError for a second command at once on a host without cgroup v2
   * @example
   * const server = await openBox.spawn('server', ['--socket', '/tmp/socket'])
   * const { stdout } = await openBox.run('client', ['--socket', '/tmp/socket'])
   * await server[Symbol.asyncDispose]()
   */
  spawn(file: string, args: readonly string[] | undefined, options: PtySpawnOptions): Promise<TerminalProcess>
  spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<SandboxProcess>
  async spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<SandboxProcess> {
    const command = parseCommand('spawn()', file, args)
    const parsed = parseSpawnOptions(options)
    return spawnCommand(this.#start('spawn()', command, captureOrigin(this.spawn)), parsed)
  }

  /**
   * Runs a command to its end in the box. As {@link Sandbox.run}, except that the box stays.
   *
   * @throws as {@link Sandbox.run}
   * @throws SandboxError `ERR_SANDBOX_ENDED` when the box is closed or lost, `ERR_SANDBOX_BOX_FULL` when it runs 64
   *   commands already
   * @throws SandboxUnsupportedError for a second command at once on a host without cgroup v2
   * @example
   * const results = await Promise.all(inputs.map((input) => openBox.run('solve', [], { input })))
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
    return runCommand(this.#start('run()', command, captureOrigin(this.run)), parsed)
  }

  /**
   * Resolves when no command runs, and nothing of those that ran is left: no process of their trees, no control group.
   *
   * @example await openBox.onIdle()
   */
  async onIdle(): Promise<void> {
    while (this.#remains.size > 0) {
      this.#idle ??= new Deferred()
      await this.#idle.promise
    }
  }

  /**
   * Ends the box and everything in it, and waits until nothing is left. Commands that run have outcome `'aborted'`,
   * those that are just being started reject with `ERR_SANDBOX_ENDED`. Calling it again waits for the same end.
   *
   * @example await openBox.close()
   */
  close(): Promise<void> {
    const { live } = this.#boot
    if (live) this.#boot.closing = true
    if (live) for (const launch of this.#commands) launch.end()
    this.#boot.end()
    return this.#boot.closed
  }

  /** The same as {@link close}. @example await using box = await sandbox().open() */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Lets the process end although the box is open, once nothing else keeps it alive; the box ends with it. Commands in
   * it keep the process alive all the same.
   *
   * @example openBox.unref()
   */
  unref(): this {
    this.#boot.hold(false)
    return this
  }

  /**
   * Undoes {@link unref}. A box is held at first.
   *
   * @example openBox.ref()
   */
  ref(): this {
    this.#boot.hold(true)
    return this
  }
}
