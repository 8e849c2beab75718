// The package's own ways to start a program, each from a recipe.
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { type Sandbox, SandboxPool, type SandboxProcess, type SandboxResult, sandbox } from 'cofferdam'
import type { Contender, Programs, Starter, Trial } from '../support/types.js'
import { BARE_IGNORE, BARE_PIPE } from './node.js'

type Recipe = (programs: Programs) => Sandbox

/** Everything: eight new namespaces, an overlay on a tmpfs, /proc, /dev and /tmp, a cgroup of its own, seccomp. */
export const full: Recipe = ({ rootfs }) => sandbox().rootfs(rootfs)
/** The same without the layer in memory: what a pool can make as new in place. */
export const resettable: Recipe = ({ rootfs }) => sandbox().rootfs(rootfs, { mode: 'readonly' })

/** Boxes that a pool keeps: enough for a row of calls, so that no call waits for the boot of its box. */
const WARM = 8

/** `file` is `/true` of the rootfs, or a program of the host for a recipe that stays in the host's root. */
export function coldRun(name: string, recipe: Recipe, file = (_: Programs) => '/true'): Contender {
  return contender(name, BARE_PIPE, async (programs) => {
    const prepared = recipe(programs)
    const path = file(programs)
    return { start: async () => ok(await prepared.run(path)) }
  })
}

export function coldSpawn(name: string, recipe: Recipe, stdio: 'ignore' | 'pipe', file = '/true'): Contender {
  return contender(name, stdio === 'pipe' ? BARE_PIPE : BARE_IGNORE, async (programs) => {
    const prepared = recipe(programs)
    return { start: () => waited((options) => prepared.spawn(file, [], options), stdio) }
  })
}

export function boxRun(name: string, recipe: Recipe): Contender {
  return contender(name, BARE_PIPE, async (programs) => {
    const box = await recipe(programs).open()
    return { start: async () => ok(await box.run('/true')), close: () => box.close() }
  })
}

export function boxSpawn(name: string, recipe: Recipe, stdio: 'ignore' | 'pipe', file = '/true'): Contender {
  return contender(name, stdio === 'pipe' ? BARE_PIPE : BARE_IGNORE, async (programs) => {
    const box = await recipe(programs).open()
    return {
      start: () => waited((options) => box.spawn(file, [], options), stdio),
      close: () => box.close(),
    }
  })
}

export function poolRun(name: string, recipe: Recipe, reuse: boolean, concurrency = 1): Contender {
  return contender(name, BARE_PIPE, async (programs) => {
    const prepared = recipe(programs)
    if (reuse && !prepared.plan().resettable) throw new Error('No box can be made as new here: see plan().resettable.')
    const pool = new SandboxPool({ recipe: prepared, concurrency, warm: reuse ? concurrency : WARM, reuse })
    return { start: async () => ok(await pool.run('/true')), close: () => pool.close() }
  })
}

export function poolSpawn(name: string, recipe: Recipe, file: string): Contender {
  return contender(name, BARE_PIPE, async (programs) => {
    const pool = new SandboxPool({ recipe: recipe(programs), concurrency: 1, warm: WARM })
    return { start: () => waited((options) => pool.spawn(file, [], options), 'pipe'), close: () => pool.close() }
  })
}

/** Starts it once before it is said to be ready: what this host cannot do is told then. */
function contender(name: string, baseline: string, prepare: (programs: Programs) => Promise<Starter>): Contender {
  return {
    name,
    baseline,
    async open(programs) {
      const starter = await prepare(programs)
      try {
        await starter.start()
      } catch (error) {
        await starter.close?.()
        throw error
      }
      return starter
    },
  }
}

function ok(result: SandboxResult): undefined {
  if (!result.ok) throw new Error(result.explain())
}

type Stdio = { stdin: 'ignore' | 'pipe'; stdout: 'ignore' | 'pipe'; stderr: 'ignore' | 'pipe' }

async function waited(spawn: (options: Stdio) => Promise<SandboxProcess>, stdio: 'ignore' | 'pipe'): Promise<Trial> {
  const calledMs = performance.now()
  const trial: Trial = {}
  const child = await spawn({ stdin: stdio, stdout: stdio, stderr: stdio })
  child.stdout?.once('data', () => {
    trial.firstByteMs = performance.now() - calledMs
  })
  // As 'close' of a ChildProcess: the command has ended, and its output has arrived.
  const outputs = [child.stdout, child.stderr].map((stream) => stream && once(stream.resume(), 'end'))
  const [result] = await Promise.all([child.wait(), ...outputs])
  ok(result)
  return trial
}
