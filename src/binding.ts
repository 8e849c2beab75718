// The sole loader of the native addon: at the first spawn, never at import, so that importing works on any host.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { SandboxError } from './errors.js'
import { EVENT_NUMBERS, type NativeBinding, type NativeEvent, type NativeListener, readEvent } from './native.js'
import { isSecureExecution } from './secure-execution.js'
import { setupError } from './setup-errors.js'

const require = createRequire(import.meta.url)
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
// A local build is in binding/build, a shipped one in prebuilds. COFFERDAM_PREBUILD names a directory that holds another
// (node-gyp-build's convention): for sanitizer builds, and for distributions that keep native code elsewhere. What is there
// is executed, so nobody may say it to a process with more rights than its own.
const PREBUILD = 'COFFERDAM_PREBUILD'
const SECURE = isSecureExecution()
const PLACES = process.env[PREBUILD] && !SECURE ? [PACKAGE] : [`${PACKAGE}binding`, PACKAGE]

let loaded: NativeBinding | undefined
const listeners = new Map<number, (event: NativeEvent) => void>()

function unloadable(causes: readonly unknown[]): SandboxError {
  const text = causes.map((cause) => (cause instanceof Error ? cause.message.split('\n')[0] : String(cause))).join('; ')
  const full = causes.some((cause) => ['EMFILE', 'ENFILE'].includes((cause as NodeJS.ErrnoException).code ?? ''))
  if (full) {
    const hint = 'This process has no descriptors left: raise its limit (ulimit -n), or close some.'
    return new SandboxError('ERR_SANDBOX_BINDING', `The native part of cofferdam could not be opened: ${text}.`, {
      cause: causes[0],
      hint,
    })
  }
  const hint =
    process.platform === 'linux'
      ? 'Run `npm rebuild cofferdam` with a C and C++ compiler at hand, or install it without --ignore-scripts.'
      : 'Sandboxes are made of Linux kernel features: run this on Linux, or in a Linux virtual machine.'
  const message = `The native part of cofferdam could not be loaded for ${process.platform}-${process.arch}: ${text}.`
  return new SandboxError('ERR_SANDBOX_BINDING', message, { cause: causes[0], hint })
}

const numbers = new Float64Array(EVENT_NUMBERS)

const route: NativeListener = (...told) => {
  const event = readEvent(numbers, told)
  const listener = listeners.get(event.id)
  if (event.kind === 'closed') listeners.delete(event.id)
  listener?.(event)
}

/**
 * The addon, loaded and listening.
 *
 * @throws SandboxError `ERR_SANDBOX_BINDING` when there is none for this platform
 */
export function nativeBinding(): NativeBinding {
  if (loaded) return loaded
  // node-gyp-build reads it by itself.
  if (SECURE) delete process.env[PREBUILD]
  const causes: unknown[] = []
  for (const place of PLACES) {
    try {
      const load = require('node-gyp-build') as (directory: string) => NativeBinding
      const binding = load(place)
      binding.attach(route, numbers)
      loaded = binding
      return binding
    } catch (error) {
      causes.push(error)
    }
  }
  throw unloadable(causes)
}

/** Starts a request, in a live box if one is given; its events, the last of which is `closed`, go to `listener`. */
export function spawnNative(request: Uint8Array, listener: (event: NativeEvent) => void, box?: number): number {
  const binding = nativeBinding()
  let id: number
  try {
    id = binding.spawn(request, box)
  } catch (error) {
    const { errno } = error as { errno?: number }
    throw errno === undefined ? error : setupError({ step: 'request', index: 0, errno, subject: undefined })
  }
  listeners.set(id, listener)
  return id
}

/** Takes a descriptor of a `started` event over from the addon, which closes what nobody has claimed at the end. */
export function claimFd(fd: number): number {
  nativeBinding().claim(fd)
  return fd
}
