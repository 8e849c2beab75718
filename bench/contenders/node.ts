// What everything is compared with: Node's own spawn, and the kernel without Node.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import type { Contender, Programs, Trial } from '../support/types.js'

export const FLOOR = 'vfork + execve in C'
export const BARE_IGNORE = 'child_process.spawn, ignored'
export const BARE_PIPE = 'child_process.spawn, pipes'

export const floor: Contender = kernel(FLOOR, 0n)

export const bareIgnore: Contender = {
  name: BARE_IGNORE,
  baseline: BARE_IGNORE,
  open: async (programs) => ({
    start: () =>
      new Promise((resolve, reject) => {
        spawn(programs.true, [], { stdio: 'ignore', env: {} })
          .once('exit', () => resolve(undefined))
          .once('error', reject)
      }),
  }),
}

export const barePipe: Contender = {
  name: BARE_PIPE,
  baseline: BARE_PIPE,
  open: async (programs) => ({ start: () => spawned(programs.true) }),
}

export const bareFirstByte: Contender = {
  name: BARE_PIPE,
  baseline: BARE_PIPE,
  open: async (programs) => ({ start: () => spawned(programs.hello) }),
}

/** Starts a program as Node does, with pipes, and waits until it has ended with code 0 and its output is complete. */
export async function spawned(file: string, args: readonly string[] = []): Promise<Trial> {
  const calledMs = performance.now()
  const trial: Trial = {}
  const child = spawn(file, args, { stdio: 'pipe', env: {} })
  let stderr = ''
  child.stdout.once('data', () => {
    trial.firstByteMs = performance.now() - calledMs
  })
  child.stdout.resume()
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`${file} ended with ${signal ?? `code ${code}`}: ${stderr.trim() || 'no message'}`)
  return trial
}

/**
 * A start by clone3 alone, measured by programs/floor.c itself: what Node takes to ask it does not count. With a cgroup v2
 * directory, in a new group below it.
 */
export function kernel(name: string, flags: bigint, cgroup = '-'): Contender {
  return {
    name,
    baseline: FLOOR,
    async open(programs) {
      const server = serve(programs)
      const ask = async (): Promise<Trial> => {
        const answer = await server.ask(`${flags.toString(16)} ${cgroup}`)
        if (!(answer > 0)) throw new Error(`clone3 with flags 0x${flags.toString(16)} failed: errno ${-answer}`)
        return { totalMs: answer / 1000 }
      }
      try {
        await ask()
      } catch (error) {
        await server.close()
        throw error
      }
      return { start: ask, close: server.close }
    },
  }
}

function serve(programs: Programs): { ask(line: string): Promise<number>; close(): Promise<void> } {
  const server: ChildProcess = spawn(programs.floor, [programs.true], { stdio: ['pipe', 'pipe', 'inherit'], env: {} })
  const answers = createInterface({ input: server.stdout as NonNullable<ChildProcess['stdout']> })
  return {
    async ask(line) {
      server.stdin?.write(`${line}\n`)
      const [answer] = await once(answers, 'line')
      return Number(answer)
    },
    async close() {
      server.stdin?.end()
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}
