// The sole loader of the native addon: at the first spawn, never at import, so that importing works on any host.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SandboxError } from './errors.js'
import { EVENT_NUMBERS, type NativeBinding, type NativeEvent, type NativeListener, readEvent } from './native.js'
import { isSecureExecution } from './secure-execution.js'
import { setupError } from './setup-errors.js'

const require = createRequire(import.meta.url)
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
// COFFERDAM_PREBUILD names a directory that holds another addon (node-gyp-build's convention): for sanitizer builds, and for
// distributions that keep native code elsewhere. What is there is executed, so nobody may say it to a process with more
// rights than its own.
const PREBUILD = 'COFFERDAM_PREBUILD'
const SECURE = isSecureExecution()

let loaded: Attached | undefined

/** An addon, and those who listen to it. */
interface Attached {
  readonly binding: NativeBinding
  readonly listeners: Map<number, (event: NativeEvent) => void>
}

/**
 * Where the addon keeps what this module has attached to it. It can be attached to once per environment, but a test runner
 * evaluates this module anew for each of its files (Jest), and all of them get the same addon.
 */
const ATTACHED = Symbol.for('cofferdam.attached')

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
      ? 'It is shipped for x64 and arm64. To compile it here, have g++, make and python3 at hand and run `npm rebuild cofferdam`. A bundle needs the package installed beside it.'
      : 'Sandboxes are made of Linux kernel features: run this on Linux, or in a Linux virtual machine.'
  const message = `The native part of cofferdam could not be loaded for ${process.platform}-${process.arch}: ${text}.`
  return new SandboxError('ERR_SANDBOX_BINDING', message, { cause: causes[0], hint })
}

function attach(binding: NativeBinding & { [ATTACHED]?: Attached }): Attached {
  const before = binding[ATTACHED]
  if (before) return before
  const numbers = new Float64Array(EVENT_NUMBERS)
  const listeners: Attached['listeners'] = new Map()
  const route: NativeListener = (...told) => {
    const event = readEvent(numbers, told)
    const listener = listeners.get(event.id)
    if (event.kind === 'closed') listeners.delete(event.id)
    listener?.(event)
  }
  binding.attach(route, numbers)
  const attached = { binding, listeners }
  Object.defineProperty(binding, ATTACHED, { value: attached })
  return attached
}

/** Packages in which the addon may be. */
function packages(): string[] {
  try {
    // In a bundle PACKAGE is the bundle's own place; the package with its addon is installed where the bundle can find it.
    const installed = join(require.resolve('cofferdam/package.json'), '..', '/')
    return installed === PACKAGE ? [PACKAGE] : [PACKAGE, installed]
  } catch {
    return [PACKAGE]
  }
}

/** Tries one package: a local build is in its binding/build, a shipped addon in its prebuilds. */
function loadFrom(directory: string, causes: unknown[]): Attached | undefined {
  const places = process.env[PREBUILD] && !SECURE ? [directory] : [`${directory}binding`, directory]
  for (const place of places) {
    try {
      // As that package sees it: a bundle need not have it among its own.
      const load = createRequire(join(directory, 'package.json'))('node-gyp-build') as (path: string) => NativeBinding
      return attach(load(place))
    } catch (error) {
      causes.push(error)
    }
  }
  return undefined
}

function attached(): Attached {
  if (loaded) return loaded
  // node-gyp-build reads it by itself.
  if (SECURE) delete process.env[PREBUILD]
  const causes: unknown[] = []
  for (const directory of packages()) {
    loaded = loadFrom(directory, causes)
    if (loaded) return loaded
  }
  throw unloadable(causes)
}

/**
 * The addon, loaded and listening.
 *
 * @throws SandboxError `ERR_SANDBOX_BINDING` when there is none for this platform
 */
export function nativeBinding(): NativeBinding {
  return attached().binding
}

/** Starts a request, in a live box if one is given; its events, the last of which is `closed`, go to `listener`. */
export function spawnNative(request: Uint8Array, listener: (event: NativeEvent) => void, box?: number): number {
  const { binding, listeners } = attached()
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
