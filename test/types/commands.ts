// What run and spawn take and give.
import type { Readable, Writable } from 'node:stream'
import {
  type PtySpawnOptions,
  type RunOptions,
  type RunResult,
  SandboxError,
  SandboxPool,
  type SandboxProcess,
  type SandboxResult,
  SandboxSetupError,
  SandboxUnsupportedError,
  sandbox,
  TerminalProcess,
} from 'cofferdam'
import { expectType, type Same } from './expect.js'

const recipe = sandbox()

export async function runs(options: RunOptions): Promise<void> {
  const text = await recipe.run('echo', ['hello'])
  expectType<Same<typeof text, RunResult<string>>>(true)
  expectType<string>(text.stdout)

  const decoded = await recipe.run('echo', ['hello'], { encoding: 'latin1', input: new Uint8Array(1) })
  expectType<string>(decoded.stderr)

  const bytes = await recipe.run('echo', undefined, { encoding: 'buffer' })
  expectType<Same<typeof bytes, RunResult<Buffer>>>(true)
  expectType<Buffer>(bytes.stdout)
  // @ts-expect-error bytes are not text
  expectType<string>(bytes.stdout)

  const either = await recipe.run('echo', [], options)
  expectType<string | Buffer>(either.stdout)
  // @ts-expect-error which of the two is not known
  expectType<string>(either.stdout)

  // @ts-expect-error a command has a name
  recipe.run()
  // @ts-expect-error arguments are a list
  recipe.run('echo', 'hello')
  // @ts-expect-error no such encoding
  recipe.run('echo', [], { encoding: 'klingon' })
  // @ts-expect-error run has streams of its own
  recipe.run('echo', [], { stdout: 'ignore' })
}

export async function spawns(signal: AbortSignal): Promise<void> {
  const child = await recipe.spawn('cat', ['-'] as const, { stdin: 'pipe', stdout: '/tmp/out', stderr: 2, signal })
  expectType<SandboxProcess>(child)
  expectType<number>(child.pid)
  expectType<Writable | null>(child.stdin)
  expectType<Readable | null>(child.stdout)
  expectType<Readable | null>(child.stderr)
  expectType<SandboxResult>(await child.wait())
  expectType<string | undefined>(child.cgroup.path)
  child.kill()
  child.kill('SIGTERM')
  await child.freeze()
  await child.thaw()
  await child.setLimits({ pids: 5 })
  const stats = await child.stats()
  expectType<number | undefined>(stats.memoryBytes)

  // @ts-expect-error a process keeps its id
  child.pid = 1
  // @ts-expect-error wall time cannot be changed while it runs
  child.setLimits({ wallTime: 5 })

  await using disposed: AsyncDisposable = child
  expectType<AsyncDisposable>(disposed)
}

export async function terminals(cols: number, wanted: boolean): Promise<void> {
  const child = await recipe.spawn('sh', [], { pty: { cols, rows: 24 } })
  expectType<Same<typeof child, TerminalProcess>>(true)
  expectType<Writable>(child.stdin)
  expectType<Readable>(child.stdout)
  expectType<null>(child.stderr)
  expectType<SandboxProcess>(child)
  expectType<boolean>(child.resize({ cols }))
  expectType<number>(child.cols + child.rows)

  const options: PtySpawnOptions = { pty: true }
  const inBox = await (await recipe.open()).spawn('sh', undefined, options)
  expectType<Same<typeof inBox, TerminalProcess>>(true)
  const inPool = await new SandboxPool({ recipe }).spawn('sh', [], { pty: true, timeout: '5s', priority: 1 })
  expectType<Same<typeof inPool, TerminalProcess>>(true)

  const perhaps = await recipe.spawn('sh', [], { pty: wanted })
  expectType<Same<typeof perhaps, SandboxProcess>>(true)
  if (perhaps instanceof TerminalProcess) perhaps.resize({ rows: 5 })
  const without = await recipe.spawn('sh', [], { pty: false, stdin: 'ignore' })
  expectType<Readable | null>(without.stderr)
  // @ts-expect-error it has no terminal
  without.resize({ cols: 80 })
  // @ts-expect-error it is called cols
  recipe.spawn('sh', [], { pty: { columns: 80 } })
  // @ts-expect-error a size is a number
  child.resize({ cols: '80' })
  // @ts-expect-error run has no terminal
  recipe.run('sh', [], { pty: true })
}

export function fails(error: unknown): void {
  if (error instanceof SandboxSetupError) {
    expectType<SandboxError>(error)
    expectType<number>(error.index)
    expectType<number>(error.errno)
    expectType<string>(error.code)
    expectType<string | undefined>(error.path)
    if (error.step === 'exec') return
    // @ts-expect-error no such step
    if (error.step === 'teleport') return
  }
  if (error instanceof SandboxUnsupportedError) {
    expectType<string>(error.feature)
    expectType<string>(error.hint)
    expectType<SandboxError>(error)
  }
  if (error instanceof SandboxError) expectType<string | undefined>(error.hint)
}
