// The smallest sandbox that can run the probe, and short ways to run it: for tests of what a recipe adds to that.
import { type Limits, type RunResult, type Sandbox, type SandboxProcess, sandbox } from 'cofferdam'
import { tinyRootfs } from './probe.js'
// Before anything is made: it is what gives the process a temporary directory of its own.
import './suite.js'
import type { TestContext } from './suite.js'

/** The directory with the probe in it, one for the whole process; it goes with the process's temporary directory. */
export const probeRootfs = tinyRootfs().path

/** A recipe that can run `/probe` and `/true`, with these limits. */
export function box(limits: Limits = {}): Sandbox {
  return sandbox().rootfs(probeRootfs).limits(limits)
}

/** Runs the probe's commands to their end. */
export function runProbe(recipe: Sandbox, ...args: string[]): Promise<RunResult> {
  return recipe.run('/probe', args)
}

/** Starts the probe's commands; whatever becomes of the test, the sandbox ends with it. */
export async function spawnProbe(
  t: TestContext,
  recipe: Sandbox,
  args: readonly string[],
  options?: Parameters<Sandbox['spawn']>[2],
): Promise<SandboxProcess> {
  const child = await recipe.spawn('/probe', args, options)
  t.cleanUp(() => child[Symbol.asyncDispose]())
  return child
}

/** Resolves with the first bytes of a stream, as text, up to `end` if that is given; the stream is left flowing. */
export function firstText(stream: NodeJS.ReadableStream | null, end = ''): Promise<string> {
  return new Promise((done, fail) => {
    if (!stream) return fail(new Error('There is no stream'))
    let seen = ''
    stream.on('data', (chunk: Buffer) => {
      seen += chunk
      if (seen.endsWith(end)) done(seen)
    })
    stream.once('end', () => done(seen))
    stream.once('error', fail)
  })
}

/** Keeps JavaScript from doing anything else for so long. */
export function blockEventLoop(durationMs: number): void {
  const endMs = performance.now() + durationMs
  while (performance.now() < endMs);
}
