// The first sandbox of a process makes what the library then keeps for the process's life.
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
      const result = await sandbox().rootfs(root.path).run('/true')
      if (!result.ok) throw new Error(`The warm-up sandbox failed: ${result.explain()}`)
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
