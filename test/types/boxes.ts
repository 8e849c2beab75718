// What open() and a pool take and give.
import { Box, type PoolRunOptions, type RunResult, SandboxPool, type SandboxProcess, sandbox } from 'cofferdam'
import { expectType, type Same } from './expect.js'

export async function boxes(): Promise<void> {
  await using box = await sandbox().open({ signal: AbortSignal.timeout(1000) })
  expectType<Same<typeof box, Box>>(true)
  expectType<string>((await box.run('echo', ['a'])).stdout)
  expectType<Buffer>((await box.run('echo', ['a'], { encoding: 'buffer' })).stdout)
  expectType<Same<Awaited<ReturnType<Box['spawn']>>, SandboxProcess>>(true)
  expectType<Box>(box.unref().ref())
  expectType<[number, boolean, Promise<void>]>([box.pid, box.live, box.closed])
  // @ts-expect-error a box runs commands of its recipe's, not of another
  box.limits({ pids: 1 })
  // @ts-expect-error boxes are opened
  new Box()
  // @ts-expect-error no such option
  sandbox().open({ timeout: 1 })
}

export async function pools(options: PoolRunOptions): Promise<void> {
  await using pool = new SandboxPool({ recipe: sandbox(), concurrency: 2, warm: 2, reuse: true, queueLimit: 10 })
  const result = await pool.run('echo', ['a'], { priority: 1, timeout: '5s', input: 'x' })
  expectType<Same<typeof result, RunResult<string>>>(true)
  expectType<Buffer>((await pool.run('echo', [], { encoding: 'buffer', priority: -1 })).stdout)
  expectType<string | Buffer>((await pool.run('echo', [], options)).stdout)
  const child = await pool.spawn('cat', [], { stdin: 'ignore', timeout: 100 })
  expectType<SandboxProcess>(child)
  expectType<SandboxPool>(pool.pause().start())
  expectType<[number, number, number, boolean]>([pool.size, pool.pending, pool.ready, pool.paused])
  expectType<Promise<void>>(pool.onIdle())
  // @ts-expect-error a pool has a recipe
  new SandboxPool({ concurrency: 2 })
  // @ts-expect-error an amount is a number
  new SandboxPool({ recipe: sandbox(), concurrency: '2' })
  // @ts-expect-error a priority is a number
  pool.run('echo', [], { priority: 'high' })
}
