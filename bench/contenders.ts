// The ways to start a program that are compared, each as a function that resolves when the exit is known.
import { spawn } from 'node:child_process'
import { sandbox } from 'cofferdam'
import type { Programs } from './tasks.js'

export type Contender = (programs: Programs) => () => Promise<void>

export const BARE_IGNORE = 'child_process.spawn, stdio ignored'
export const BARE_PIPE = 'child_process.spawn, stdio piped'
export const SPAWN_IGNORE = 'sandbox spawn() and wait(), stdio ignored'
export const SPAWN_PIPE = 'sandbox spawn() and wait(), stdio piped'
/** The control of stall.ts: no contender, since it is not the measured process that starts anything. */
export const NEIGHBOUR = `${SPAWN_IGNORE}, by another process`
export const RUN = 'sandbox run()'
export const RUN_LIMITED = 'sandbox run(), memory and pids limited'

/**
 * Everything cold: eight new namespaces, an overlay on a tmpfs, /proc, /dev and /tmp, a cgroup of its own. Nothing is
 * kept from one run for the next but what the package itself keeps for every caller.
 */
export const CONTENDERS: Readonly<Record<string, Contender>> = {
  [BARE_IGNORE]: (programs) => () =>
    new Promise((resolve, reject) => {
      spawn(programs.true, [], { stdio: 'ignore', env: {} })
        .once('exit', () => resolve())
        .once('error', reject)
    }),
  [BARE_PIPE]: (programs) => () =>
    new Promise((resolve, reject) => {
      const child = spawn(programs.true, [], { stdio: 'pipe', env: {} })
      child.once('close', () => resolve()).once('error', reject)
      child.stdout.resume()
      child.stderr.resume()
    }),
  [SPAWN_IGNORE]: (programs) => {
    const recipe = sandbox().rootfs(programs.rootfs)
    return async () => {
      const child = await recipe.spawn('/true', [], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
      await child.wait()
    }
  },
  [SPAWN_PIPE]: (programs) => {
    const recipe = sandbox().rootfs(programs.rootfs)
    return async () => {
      const child = await recipe.spawn('/true')
      child.stdout?.resume()
      child.stderr?.resume()
      await child.wait()
    }
  },
  [RUN]: (programs) => {
    const recipe = sandbox().rootfs(programs.rootfs)
    return async () => void (await recipe.run('/true'))
  },
  [RUN_LIMITED]: (programs) => {
    const recipe = sandbox().rootfs(programs.rootfs).limits({ memory: '64MiB', pids: 16 })
    return async () => void (await recipe.run('/true'))
  },
}

/** What a contender is compared with: Node's own way with the same streams. */
export const BASELINE: Readonly<Record<string, string>> = {
  [BARE_IGNORE]: BARE_IGNORE,
  [BARE_PIPE]: BARE_PIPE,
  [SPAWN_IGNORE]: BARE_IGNORE,
  [SPAWN_PIPE]: BARE_PIPE,
  [RUN]: BARE_PIPE,
  [RUN_LIMITED]: BARE_PIPE,
}
