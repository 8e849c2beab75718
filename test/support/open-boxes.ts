// Boxes that tests open: each is closed when its test ends, whatever becomes of it.
import type { Box, RunResult, Sandbox, SandboxPool } from 'cofferdam'
import { toArguments } from './ask.js'
import type { TestContext } from './suite.js'

/** Opens a box, which goes with the test. */
export async function opened(t: TestContext, recipe: Sandbox): Promise<Box> {
  const box = await recipe.open()
  t.cleanUp(() => box.close())
  return box
}

/** Has a pool closed with the test. */
export function closing(t: TestContext, pool: SandboxPool): SandboxPool {
  t.cleanUp(() => pool.close())
  return pool
}

/** Runs the probe's commands, each as one text, where `run` is; what they print is given back. */
export async function tell(where: Pick<Box, 'run'>, ...commands: string[]): Promise<string> {
  const result: RunResult = await where.run('/probe', toArguments(commands))
  if (!result.ok) throw new Error(`${commands.join(' ')}: ${result.explain()} ${result.stderr}`)
  return result.stdout
}

/** How a promise is rejected: the error's code. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  )
}
