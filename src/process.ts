// A live sandbox with its command: streams, signals, control of its groups, and its result.

import type { Readable, Writable } from 'node:stream'
import { adopt, checkAdoptable } from './cgroup/adopt.js'
import { type Leaf, readFigures, setFrozen, writeLimits } from './cgroup/control.js'
import { endedError } from './errors.js'
import { hostFacts } from './host-facts.js'
import type { Launch } from './launch.js'
import type { ExitedEvent, StartedEvent } from './native.js'
import { parseLiveLimits } from './options/limits.js'
import type { SandboxPlan } from './plan-types.js'
import type { LimitsRecipe } from './recipe.js'
import { makeResult } from './result.js'
import type { SandboxResult } from './result-types.js'
import { parseSignal } from './signals.js'
import { OutputPipe, StdinPipe } from './streams.js'
import type { LiveLimits } from './types.js'
import { figuresOf, usageOf } from './usage.js'

/** Figures of a live sandbox, for all its processes together; `undefined` where no joined cgroup counts them. */
export interface SandboxStats {
  /** CPU time so far, in milliseconds. */
  readonly cpuTimeMs: number | undefined
  /** The part of it spent in user mode. */
  readonly userTimeMs: number | undefined
  /** The part of it spent in the kernel. */
  readonly systemTimeMs: number | undefined
  /** Memory in use now, page cache included. */
  readonly memoryBytes: number | undefined
  /** Most memory at once so far (v2: Linux 5.19). */
  readonly memoryPeakBytes: number | undefined
  /** Processes and threads now. */
  readonly pids: number | undefined
  /** Most processes and threads at once so far (Linux 6.1). */
  readonly pidsPeak: number | undefined
  /** Bytes read from disks so far. */
  readonly readBytes: number | undefined
  /** Bytes written to disks so far. */
  readonly writtenBytes: number | undefined
  /**
   * Time so far in which at least one process was ready to run and had no CPU, a limit of `cpu` included, in milliseconds
   * (v2: `cpu.pressure`; a kernel with PSI).
   */
  readonly cpuPressureMs: number | undefined
  /** The same for waiting for memory to be given back or read in again (v2: `memory.pressure`). */
  readonly memoryPressureMs: number | undefined
  /** The same for waiting for a disk (v2: `io.pressure`). */
  readonly ioPressureMs: number | undefined
}

/** The control groups of a live sandbox. */
export interface SandboxCgroup {
  /** The command's leaf: in the v2 hierarchy, else in the first v1 one; `undefined` when the host gives none. */
  readonly path: string | undefined
  /** All its leaves, v2 first. */
  readonly paths: readonly string[]
}

/** What is kept of a launch. */
export interface ProcessContext {
  readonly launch: Launch
  readonly plan: SandboxPlan
  readonly limits: LimitsRecipe
}

/** The result of an exited event. */
export function resultOf<T extends object>(
  event: ExitedEvent,
  plan: SandboxPlan,
  limits: LimitsRecipe,
  output: T,
): SandboxResult & T {
  const figures = figuresOf(plan.cgroups, event.stats)
  const { status, cause, outputBytes } = event
  const call = { number: event.syscall, architecture: event.architecture }
  return makeResult({ status, cause, call, usage: usageOf(event, figures), figures, outputBytes, limits }, output)
}

/**
 * A command that runs in a sandbox of its own. Made by {@link Sandbox.spawn}.
 *
 * @example
 * await using child = await sandbox().spawn('cat')
 * child.stdin?.end('hello')
 * for await (const chunk of child.stdout ?? []) process.stdout.write(chunk)
 * console.log((await child.wait()).explain())
 */
export class SandboxProcess implements AsyncDisposable {
  /** The command's process id on the host; inside it has another one. */
  readonly pid: number
  /** The control groups it runs in. */
  readonly cgroup: SandboxCgroup
  readonly #launch: Launch
  readonly #leaves: readonly Leaf[]
  readonly #stdin: StdinPipe | null
  readonly #stdout: OutputPipe | null
  readonly #stderr: OutputPipe | null
  readonly #result: Promise<SandboxResult>
  readonly #closed: Promise<void>
  #limits: LimitsRecipe

  /** @internal */
  constructor({ launch, plan, limits }: ProcessContext, { pid, stdio, cgroups }: StartedEvent) {
    const [stdin, stdout, stderr] = stdio
    this.pid = pid
    this.#launch = launch
    this.#limits = limits
    this.#leaves = plan.cgroups.flatMap((hierarchy, i) => (cgroups[i] ? [{ hierarchy, path: cgroups[i] }] : []))
    this.cgroup = Object.freeze({ path: cgroups[0], paths: Object.freeze([...cgroups]) })
    this.#stdin = stdin < 0 ? null : new StdinPipe(stdin)
    this.#stdout = stdout < 0 ? null : new OutputPipe(stdout)
    this.#stderr = stderr < 0 ? null : new OutputPipe(stderr)
    this.#result = launch.exited.then((event) => {
      const result = resultOf(event, plan, this.#limits, {})
      launch.trace?.ended(result)
      return result
    })
    // Both may have been told in one go, and the start, too.
    const released = launch.closed.then(() => this.#release())
    const settled = () => released
    this.#closed = this.#result.then(settled, settled)
  }

  // Once whoever has just been given this process has had its turn: a stream that is asked for then is whole, and one
  // that nobody has asked for keeps what the pipe holds.
  #release(): Promise<void> {
    return new Promise((done) => {
      setImmediate(() => {
        for (const pipe of [this.#stdin, this.#stdout, this.#stderr]) pipe?.release()
        done()
      })
    })
  }

  /** What the program reads; `null` unless it is a pipe. A program that does not read it causes no error. */
  get stdin(): Writable | null {
    return this.#stdin?.stream ?? null
  }

  /** What the program writes to stdout; `null` unless it is a pipe. Nobody reading it holds the program up. */
  get stdout(): Readable | null {
    return this.#stdout?.stream ?? null
  }

  /** What the program writes to stderr; `null` unless it is a pipe. Nobody reading it holds the program up. */
  get stderr(): Readable | null {
    return this.#stderr?.stream ?? null
  }

  /**
   * How the program ended; the same promise every time. It is settled before the sandbox is torn down.
   *
   * @throws SandboxError `ERR_SANDBOX_LOST` when the sandbox ended without a report
   */
  wait(): Promise<SandboxResult> {
    return this.#result
  }

  /** Settled when nothing of the sandbox is left: no process, mount or cgroup. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /**
   * Sends a signal to the command itself (not to its children); `false` when it has ended.
   *
   * @throws TypeError for a name that is no signal, RangeError for a number above 64
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = parseSignal(signal)
    return this.#launch.kill(number)
  }

  #assertLive(operation: string): void {
    if (!this.#launch.live) throw endedError(operation)
  }

  /**
   * Stops all processes of the sandbox, and waits until they are stopped (cgroup v2 `cgroup.freeze`, Linux 5.2). They
   * cannot notice. The wall time limit goes on.
   *
   * @throws SandboxUnsupportedError without a cgroup v2 leaf; SandboxError `ERR_SANDBOX_ENDED` when it is over
   */
  async freeze(): Promise<void> {
    this.#assertLive('freeze()')
    await setFrozen(this.#leaves, true)
  }

  /**
   * Lets the processes go on after {@link freeze}.
   *
   * @throws SandboxUnsupportedError without a cgroup v2 leaf; SandboxError `ERR_SANDBOX_ENDED` when it is over
   */
  async thaw(): Promise<void> {
    this.#assertLive('thaw()')
    await setFrozen(this.#leaves, false)
  }

  /**
   * What the sandbox uses now.
   *
   * @throws SandboxError `ERR_SANDBOX_ENDED` when it is over: the result has the final figures
   */
  async stats(): Promise<SandboxStats> {
    this.#assertLive('stats()')
    const figures = await readFigures(this.#leaves)
    return {
      cpuTimeMs: figures.cpuMs,
      userTimeMs: figures.userMs,
      systemTimeMs: figures.systemMs,
      memoryBytes: figures.memoryBytes,
      memoryPeakBytes: figures.memoryPeakBytes,
      pids: figures.pids,
      pidsPeak: figures.pidsPeak,
      readBytes: figures.readBytes,
      writtenBytes: figures.writtenBytes,
      cpuPressureMs: figures.cpuPressureMs,
      memoryPressureMs: figures.memoryPressureMs,
      ioPressureMs: figures.ioPressureMs,
    }
  }

  /**
   * Changes limits that cgroups enforce, for the processes that run now and all later ones.
   *
   * @throws SandboxUnsupportedError for a controller that the sandbox did not join when it started
   * @throws SandboxError `ERR_SANDBOX_ENDED` when it is over; TypeError or RangeError for a bad value
   * @example await child.setLimits({ memory: '512MiB', cpu: 2 })
   */
  async setLimits(limits: LiveLimits): Promise<void> {
    const parsed = parseLiveLimits(limits)
    this.#assertLive('setLimits()')
    const { cgroups, swapInUse } = hostFacts()
    // swap's limit depends on memory's on v1, so the one that is not given keeps its value.
    const { memoryBytes, swapBytes } = this.#limits
    const touched = parsed.limits.memoryBytes !== undefined || parsed.limits.swapBytes !== undefined
    const kept = { ...(memoryBytes !== undefined && { memoryBytes }), ...(swapBytes !== undefined && { swapBytes }) }
    await writeLimits(this.#leaves, cgroups, swapInUse, { ...(touched && kept), ...parsed.limits }, parsed.priority)
    this.#limits = { ...this.#limits, ...parsed.limits }
  }

  /**
   * Moves a process of the host, with all its threads, into the sandbox's control groups: from now on it and its children
   * share the sandbox's limits and priority, are counted with it, frozen with it, and end with it. It stays in the
   * namespaces and the root that it has, and what it has used so far stays counted where it was. Children that it
   * has already are not moved.
   *
   * Kernel: `cgroup.procs`. The caller must be root, or may write to `cgroup.procs` of the group that the process is in, of
   * the sandbox's, and of the one that they have in common.
   *
   * @param pid the number that the process has for this program, 1 to 4194304; not this program itself
   * @throws SandboxUnsupportedError without a cgroup v2 leaf
   * @throws SandboxError `ERR_SANDBOX_ADOPT` with the kernel's `code`: `ESRCH` when there is no such process, `EACCES`
   * without the right; `ERR_SANDBOX_ENDED` when the sandbox is over
   * @throws TypeError or RangeError for what is no process number
   * @example if (process.ppid > 1) await child.adopt(process.ppid)
   */
  async adopt(pid: number): Promise<void> {
    const number = checkAdoptable(pid)
    this.#assertLive('adopt()')
    await adopt(this.#leaves, number)
  }

  /** Ends the whole tree if it still runs, and waits until nothing of the sandbox is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#launch.end()
    for (const pipe of [this.#stdin, this.#stdout, this.#stderr]) pipe?.destroy()
    await this.#closed
  }
}
