// Runs a great many sandboxes, one by one and all at once, and looks for what they left.
import { performance } from 'node:perf_hooks'
import { sandbox } from 'cofferdam'
import { settledInventory, takeInventory } from '../support/inventory.js'
import type { LeakAnswer, LeakTask } from './tasks.js'

export async function measureLeaks({ sequential, concurrent, programs }: LeakTask): Promise<LeakAnswer> {
  const recipe = sandbox().rootfs(programs.rootfs)
  const run = async () => {
    const result = await recipe.run('/true')
    if (!result.ok) throw new Error(result.explain())
  }
  // What the package keeps for the life of the process is descriptors, made by its first uses.
  const pristine = takeInventory()
  await Promise.all(Array.from({ length: concurrent }, run))
  const before = await settledInventory(pristine, 'descriptors')

  const startMs = performance.now()
  for (let i = 0; i < sequential; i++) await run()
  const sequentialMs = performance.now() - startMs

  const concurrentStartMs = performance.now()
  await Promise.all(Array.from({ length: concurrent }, run))
  const concurrentMs = performance.now() - concurrentStartMs

  return { sequentialMs, concurrentMs, before, after: await settledInventory(before) }
}
