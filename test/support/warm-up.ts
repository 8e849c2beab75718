// The first sandbox of a process makes what the library then keeps for the process's life.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { tinyRootfs } from './probe.js'

let warm: Promise<void> | undefined
let drain: (() => void) | undefined

/** Runs one trivial sandbox, once per process. */
export function warmUp(): Promise<void> {
  warm ??= (async () => {
    // Not at the top: the pure tier must not need a compiled addon.
    const { sandbox } = await import('cofferdam')
    const { nativeBinding } = await import('../../dist/binding.js')
    drain = () => nativeBinding().drain()
    const root = tinyRootfs()
    try {
      const recipe = sandbox().rootfs(root.path)
      const result = await recipe.run('/true')
      if (!result.ok) throw new Error(`The warm-up sandbox failed: ${result.explain()}`)
      // The thread that makes inits ahead opens what it keeps for the process when it makes the first.
      const isMade = () => !recipe.plan().stocked || hasBlank()
      for (const endMs = performance.now() + 5000; !isMade() && performance.now() < endMs; ) await sleep(5)
    } finally {
      root.remove()
    }
  })()
  return warm
}

/** Makes the library let go of what it has made ahead for the next sandboxes. */
export function drainStock(): void {
  drain?.()
}

function hasBlank(): boolean {
  const children = readdirSync('/proc/self/task').flatMap((task) => read(`/proc/self/task/${task}/children`).split(' '))
  return children.some((pid) => pid !== '' && read(`/proc/${pid}/comm`) === 'cofferdam-blank\n')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has just ended
  }
}
