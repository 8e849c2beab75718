// The process in which checkHost() tries things, started by run.ts: whatever a host does to it, the caller's process
// goes on. Writes one line of JSON for each finding, at once, so that one that hangs costs the later ones only.

import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { SandboxError, SandboxSetupError } from '../errors.js'
import type { Sandbox } from '../sandbox.js'
import { bounded, type Finding, refused, withoutHint } from './probe.js'
import { DEFAULT_SANDBOX, LIMITED_SANDBOX, PROBES } from './probes.js'
import { addonProbe } from './probes-process.js'
import type { StartVerdict } from './report-types.js'

/** A line. */
export type Message =
  | { readonly kind: 'finding'; readonly name: string; readonly finding: Finding }
  | { readonly kind: 'verdict'; readonly name: 'defaultSandbox' | 'limitedSandbox'; readonly verdict: StartVerdict }

const START_TIMEOUT_MS = 10_000

function tell(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function verdictOn(recipe: Sandbox): Promise<StartVerdict> {
  try {
    const result = await bounded(
      recipe.run('true', [], { signal: AbortSignal.timeout(START_TIMEOUT_MS) }),
      START_TIMEOUT_MS + 1000,
    )
    return { starts: true, reason: result.ok ? undefined : result.explain(), remedy: undefined }
  } catch (error) {
    const { message = String(error) } = error as Partial<Error>
    const hint = error instanceof SandboxError ? error.hint : undefined
    const { works, detail, remedy = hint } = refused(error)
    // A step that is explained has its cause in `detail`. Any other message says by itself what is wrong, and of a
    // program that is not there `refused` says that the sandbox works.
    const reason = error instanceof SandboxSetupError && !works ? detail : withoutHint(message, hint)
    return { starts: false, reason: reason ?? message, remedy }
  }
}

// Whoever asked has ended: nobody is left to tell, and what is being tried is the last.
let gone = false

async function main(scratch: string | undefined): Promise<void> {
  // The verdicts first: they are what counts most, should time run out.
  const loaded = await addonProbe.attempt(scratch)
  tell({ kind: 'verdict', name: 'defaultSandbox', verdict: await verdictOn(DEFAULT_SANDBOX()) })
  tell({ kind: 'verdict', name: 'limitedSandbox', verdict: await verdictOn(LIMITED_SANDBOX()) })
  for (const probe of PROBES) {
    if (gone) return
    let finding: Finding
    try {
      finding =
        loaded.works || probe === addonProbe
          ? await probe.attempt(scratch)
          : { works: undefined, detail: 'It could not be tried: the native addon cannot be loaded.' }
    } catch (error) {
      finding = { works: undefined, detail: `It could not be tried: ${(error as Error).message}` }
    }
    tell({ kind: 'finding', name: probe.name, finding })
  }
}

// Removed at the end; sandboxes are other users, and enter it.
function makeScratch(directory: string): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 })
    process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
    chmodSync(directory, 0o755)
    return directory
  } catch {
    return undefined
  }
}

process.stdout.on('error', () => {
  gone = true
})
await main(makeScratch(process.argv[2] ?? ''))
