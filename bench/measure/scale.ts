// Measures what the next sandbox costs while so many others live, and what those use.
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxError, type SandboxProcess, sandbox } from 'cofferdam'
import { availableBytes, kernelMemoryKib, memoryOf, parentOf, settledNodeKib } from '../support/memory.js'
import { progress } from '../support/progress-line.js'
import type { ScaleAnswer, ScaleLevel, ScaleTask } from './tasks.js'

/** Started at once: enough for two processors, without a crowd that waits for one lock. */
const AT_ONCE = 8
/** Inits whose memory is read; the sums are brought to the number of all. */
const SAMPLED = 100
/** What a sandbox takes of the machine, kernel memory included, and then some. */
const BYTES_EACH = 1024 * 1024

export async function measureScale({ levels, calls, programs }: ScaleTask): Promise<ScaleAnswer> {
  const recipe = sandbox().rootfs(programs.rootfs)
  const answer: ScaleAnswer = { levels: [], skipped: [] }
  const children: SandboxProcess[] = []
  await nextMs(recipe, 50, 0)
  const before = { nodeKib: await settledNodeKib(), kernelKib: kernelMemoryKib() }
  try {
    for (const live of levels) {
      const why = await grow(recipe, children, live)
      if (why !== undefined) {
        answer.skipped.push({ live, why })
        break
      }
      progress(`${live} live: the next`)
      answer.levels.push(await measureLevel(recipe, children, calls, before))
    }
  } finally {
    progress(`ending ${children.length}`)
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => child.closed))
  }
  return answer
}

/** Brings the live sandboxes to a number; why not, when there cannot be so many. */
async function grow(recipe: Sandbox, children: SandboxProcess[], live: number): Promise<string | undefined> {
  const missing = live - children.length
  if (missing * BYTES_EACH > availableBytes()) return `only ${Math.round(availableBytes() / 2 ** 20)} MiB are free`
  let begun = children.length
  const start = async () => {
    while (begun < live) {
      begun++
      progress(`${children.length} of ${live} live`)
      const stdio = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const
      children.push(await recipe.spawn('/probe', ['sleep', '3600'], stdio))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing) }, start))
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    return error.message
  }
  return undefined
}

async function measureLevel(
  recipe: Sandbox,
  children: readonly SandboxProcess[],
  calls: ScaleTask['calls'],
  before: { nodeKib: number; kernelKib: number },
): Promise<ScaleLevel> {
  const nodeRssKib = (await settledNodeKib()) - before.nodeKib
  const kernelKib = kernelMemoryKib() - before.kernelKib
  const step = Math.max(1, Math.floor(children.length / SAMPLED))
  const inits = children.filter((_, index) => index % step === 0).map(({ pid }) => memoryOf(parentOf(pid)))
  const sum = (of: (memory: (typeof inits)[number]) => number) =>
    (inits.reduce((total, memory) => total + of(memory), 0) / Math.max(1, inits.length)) * children.length
  return {
    live: children.length,
    nextMs: { hot: await nextMs(recipe, calls.hot, 0), sparse: await nextMs(recipe, calls.sparse, 30) },
    initRssKib: sum((memory) => memory.Rss),
    initPssKib: sum((memory) => memory.Pss),
    nodeRssKib,
    kernelKib,
  }
}

async function nextMs(recipe: Sandbox, calls: number, pauseMs: number): Promise<number[]> {
  const times: number[] = []
  for (let call = 0; call < calls + 1; call++) {
    if (pauseMs > 0) await sleep(pauseMs)
    const calledMs = performance.now()
    ;(await recipe.run('/true')).throwIfFailed()
    times.push(performance.now() - calledMs)
  }
  return times.slice(1)
}
