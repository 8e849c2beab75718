// What the probe says inside a sandbox, and what a sandbox says that cannot be set up: answers on which tests assert.
import { type Sandbox, SandboxSetupError } from 'cofferdam'
import { runProbe } from './boxes.js'

/** What the probe's commands print; one that fails is an error. */
export async function says(recipe: Sandbox, ...commands: string[]): Promise<string> {
  const result = await runProbe(recipe, ...commands)
  if (!result.ok) throw new Error(`${commands.join(' ')}: ${result.explain()} ${result.stderr}`)
  return result.stdout
}

/** The same as lines. */
export async function lines(recipe: Sandbox, ...commands: string[]): Promise<string[]> {
  const text = await says(recipe, ...commands)
  return text.replace(/\n$/, '').split('\n')
}

/** The same for one command that answers in JSON. */
export async function json<T>(recipe: Sandbox, ...command: string[]): Promise<T> {
  return JSON.parse(await says(recipe, ...command))
}

/** How a command of the probe fails: `open: EROFS`. */
export async function fails(recipe: Sandbox, ...command: string[]): Promise<string> {
  const result = await runProbe(recipe, ...command)
  const [, failure] = /^probe: (\w+: \w+)$/m.exec(result.stderr) ?? []
  if (failure === undefined) throw new Error(`${command.join(' ')} did not fail: ${result.explain()} ${result.stderr}`)
  return failure
}

/** The error of a sandbox that must not come to be. */
export async function setupFailure(start: Promise<unknown>): Promise<SandboxSetupError> {
  const error = await start.then(
    () => new Error('The sandbox was set up'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof SandboxSetupError) return error
  throw error
}
