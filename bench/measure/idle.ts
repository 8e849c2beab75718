// Measures what a sandbox costs in memory while its command sleeps, beyond the command itself.
import { type SandboxProcess, sandbox } from 'cofferdam'
import { kernelMemoryKib, memoryOf, parentOf, settledNodeKib } from '../support/memory.js'
import type { IdleAnswer, IdleTask } from './tasks.js'

export async function measureIdle(task: IdleTask): Promise<IdleAnswer> {
  // The first ones pay for what all of them share: code, threads, buffers.
  await endAll(await startAll(task, 5))
  const nodeBeforeKib = await settledNodeKib()
  const kernelBeforeKib = kernelMemoryKib()

  const children = await startAll(task, task.sandboxes)
  const nodeRssKib = (await settledNodeKib()) - nodeBeforeKib
  const kernelKib = kernelMemoryKib() - kernelBeforeKib
  const inits = children.map((child) => memoryOf(parentOf(child.pid)))
  await endAll(children)

  const sum = (of: (memory: (typeof inits)[number]) => number) => inits.reduce((total, memory) => total + of(memory), 0)
  return {
    initRssKib: sum((memory) => memory.Rss),
    initPssKib: sum((memory) => memory.Pss),
    initPrivateKib: sum((memory) => memory.Private_Clean + memory.Private_Dirty),
    nodeRssKib,
    kernelKib,
  }
}

function startAll({ programs }: IdleTask, count: number): Promise<SandboxProcess[]> {
  const recipe = sandbox().rootfs(programs.rootfs)
  const start = () => recipe.spawn('/probe', ['sleep', '3600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  return Promise.all(Array.from({ length: count }, start))
}

async function endAll(children: readonly SandboxProcess[]): Promise<void> {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map((child) => child.wait()))
}
