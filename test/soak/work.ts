// What the soak is made of: ways to use the package, each with the ends that it may have.
import { Worker } from 'node:worker_threads'
import { type Box, type RunResult, type Sandbox, SandboxError, SandboxPool, sandbox } from 'cofferdam'
import type { Random } from '../pure/random.js'

type Outcome = RunResult['outcome']

/** One kind of work: how many sandboxes or commands it was; it throws when something was not as it must be. */
export interface Kind {
  readonly name: string
  /** How often it comes, compared with the others. */
  readonly weight: number
  readonly work: (random: Random) => Promise<number>
}

async function expect(run: Promise<{ outcome: Outcome; explain(): string }>, ...outcomes: Outcome[]): Promise<number> {
  const result = await run
  if (!outcomes.includes(result.outcome)) throw new Error(`Expected ${outcomes.join(' or ')}: ${result.explain()}`)
  return 1
}

async function expectError(promise: Promise<unknown>, code: string): Promise<number> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof SandboxError) || error.sandboxCode !== code) throw new Error(`Expected ${code}: ${error}`)
  return 1
}

function unlessOver(error: unknown): number {
  const over = error instanceof SandboxError && /ABORTED|ENDED|LOST/.test(error.sandboxCode)
  if (!over) throw error
  return 1
}

async function cancel(recipe: Sandbox, random: Random): Promise<number> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), random.below(12))
  try {
    return await expect(recipe.run('/probe', ['sleep', '60'], { signal: abort.signal }), 'aborted')
  } catch (error) {
    if (error instanceof SandboxError && error.sandboxCode === 'ERR_SANDBOX_ABORTED') return 1
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function talk(recipe: Sandbox, random: Random): Promise<number> {
  const child = await recipe.spawn('/probe', ['cat'])
  const text = 'x'.repeat(random.below(200_000))
  child.stdin?.on('error', () => {})
  child.stdin?.end(text)
  let size = 0
  for await (const chunk of child.stdout ?? []) size += chunk.length
  if (size !== text.length) throw new Error(`${size} of ${text.length} bytes came back`)
  return expect(child.wait(), 'exited')
}

async function useBox(recipe: Sandbox, random: Random): Promise<number> {
  const box: Box = await recipe.open()
  const count = random.below(5)
  try {
    const runs = Array.from({ length: count }, () => expect(box.run('/true'), 'exited'))
    await Promise.all(runs)
  } finally {
    await box.close()
  }
  return count + 1
}

/** Killed in the middle of its sandboxes more often than not. */
async function employWorker(rootfs: string, random: Random): Promise<number> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import('cofferdam').then(async ({ sandbox }) => {
      const recipe = sandbox().rootfs(workerData, { mode: 'readonly' }).share('net')
      for (let i = 0; i < 20; i++) {
        parentPort.postMessage(1)
        await Promise.all([recipe.run('/true'), recipe.run('/true')])
      }
    })`
  const worker = new Worker(source, { eval: true, workerData: rootfs })
  const enough = 1 + random.below(20)
  let said = 0
  await new Promise<void>((done, fail) => {
    worker.on('message', () => {
      if (++said >= enough) done()
    })
    worker.once('error', fail)
    worker.once('exit', () => done())
  })
  await worker.terminate()
  return said * 2
}

class Pools {
  #pool: SandboxPool | undefined

  constructor(readonly recipe: Sandbox) {}

  async run(random: Random): Promise<number> {
    this.#pool ??= new SandboxPool({ recipe: this.recipe, concurrency: 2, warm: 2, reuse: random.chance(50) })
    const pool = this.#pool
    // Others may close it meanwhile, which aborts what runs in it.
    if (!random.chance(5)) return expect(pool.run('/true'), 'exited', 'aborted').catch(unlessOver)
    this.#pool = undefined
    await pool.close()
    return 0
  }

  async close(): Promise<void> {
    await this.#pool?.close()
    this.#pool = undefined
  }
}

/** The kinds, and what has to be closed when they are not used any more. */
export function kindsOf(rootfs: string): { kinds: readonly Kind[]; close: () => Promise<void> } {
  const quick = sandbox().rootfs(rootfs, { mode: 'readonly' }).share('net')
  const plain = sandbox().rootfs(rootfs)
  const limited = quick.limits({ memory: '32MiB', pids: 8, wallTime: '20s' })
  const pools = new Pools(quick.seccomp('off'))
  const kinds: Kind[] = [
    { name: 'runs', weight: 100, work: () => expect(quick.run('/true'), 'exited') },
    { name: 'runs with all namespaces', weight: 20, work: () => expect(plain.run('/true'), 'exited') },
    { name: 'conversations', weight: 10, work: (random) => talk(quick, random) },
    { name: 'counted output', weight: 5, work: (random) => talk(quick.limits({ output: '1MiB' }), random) },
    { name: 'cancellations', weight: 15, work: (random) => cancel(quick, random) },
    { name: 'crashes', weight: 10, work: () => expect(quick.run('/probe', ['abort']), 'signaled') },
    {
      name: 'wall limits',
      weight: 3,
      work: () => expect(quick.limits({ wallTime: 20 }).run('/probe', ['sleep', '60']), 'wall-time-limit'),
    },
    {
      name: 'output limits',
      weight: 3,
      work: () => expect(quick.limits({ output: 1000 }).run('/probe', ['write-forever']), 'output-limit'),
    },
    { name: 'limited runs', weight: 3, work: () => expect(limited.run('/true'), 'exited') },
    { name: 'missing programs', weight: 5, work: () => expectError(quick.run('/missing'), 'ERR_SANDBOX_SETUP') },
    { name: 'boxes', weight: 10, work: (random) => useBox(quick, random) },
    { name: 'pool runs', weight: 60, work: (random) => pools.run(random) },
    { name: 'workers', weight: 0.3, work: (random) => employWorker(rootfs, random) },
  ]
  return { kinds, close: () => pools.close() }
}
