// Where the process works: arguments of rootfs(), bind(), tmpfs(), file(), symlink(), mask().

import { readFileSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { MountRecipe, RootfsRecipe } from '../recipe.js'
import { parseBytes } from '../units.js'
import {
  checkBoolean,
  checkKeys,
  checkMode,
  checkTarget,
  checkText,
  checkWord,
  contradiction,
  invalid,
} from '../validate.js'

const DEFAULT_SIZE = 256 * 2 ** 20
const DEFAULT_TMPFS = 64 * 2 ** 20
// Linux 6.x: OVL_MAX_STACK in fs/overlayfs/params.h.
const MAX_LAYERS = 500

function directory(option: string, value: unknown): string {
  const path = resolve(checkText(option, value))
  let is = false
  try {
    is = statSync(path).isDirectory()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw invalid(TypeError, option, 'a directory that exists', value, `${path}: ${code}.`)
  }
  if (!is) throw invalid(TypeError, option, 'a directory', value, `${path} is something else.`)
  return path
}

/** Whether something is mounted exactly there. proc_pid_mountinfo(5): blanks and backslashes are octal. */
function isMountPoint(path: string): boolean {
  const written = path.replace(/[\\ \t\n]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return mounts.some((mount) => mount.split(' ')[4] === written)
}

/** Overlay's work directory lies beside the upper one and on the same mount; so links are followed now. */
function upperDirectory(value: unknown, layers: readonly string[]): string {
  const path = realpathSync(directory('rootfs().upper', value))
  if (path === '/' || isMountPoint(path)) {
    const remedy = 'Use a directory in it: overlayfs needs its work directory beside the upper one, on the same mount.'
    throw invalid(TypeError, 'rootfs().upper', 'a directory that is no mount point', value, remedy)
  }
  const lies = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer === '/' ? '' : outer}/`)
  const other = layers.map((layer) => realpathSync(layer)).find((layer) => lies(path, layer) || lies(layer, path))
  if (other !== undefined) {
    const expected = 'a directory that is no layer, and in none, and holds none'
    throw invalid(TypeError, 'rootfs().upper', expected, value, `A layer is ${other}.`)
  }
  return path
}

function chrootOptions(layers: readonly string[], options: Record<string, unknown>): void {
  if (layers.length > 1)
    throw contradiction("rootfs(layers, { switch: 'chroot' }) takes one directory: layers need a mount namespace.")
  if (options.mode !== undefined && options.mode !== 'writable') {
    throw contradiction(
      `rootfs(dir, { switch: 'chroot', mode: '${options.mode}' }): without a mount namespace only 'writable' can be had.`,
    )
  }
  for (const key of ['upper', 'size']) {
    if (options[key] !== undefined)
      throw contradiction(`rootfs(dir, { switch: 'chroot', ${key} }): ${key} needs a mount namespace.`)
  }
}

/** A root file system; its directories are checked here, so that a typing error is found where it was made. */
export function parseRootfs(layersValue: unknown, optionsValue: unknown): RootfsRecipe {
  const options = checkKeys('rootfs() options', optionsValue ?? {}, ['mode', 'upper', 'size', 'switch'])
  const list: readonly unknown[] = Array.isArray(layersValue) ? layersValue : [layersValue]
  if (list.length === 0 || list.length > MAX_LAYERS) {
    throw invalid(TypeError, 'rootfs()', `a directory, or an array of 1 to ${MAX_LAYERS}`, layersValue)
  }
  const layers = list.map((layer, i) =>
    directory(Array.isArray(layersValue) ? `rootfs() layer ${i}` : 'rootfs()', layer),
  )
  const how =
    options.switch === undefined
      ? 'pivot_root'
      : checkWord('rootfs().switch', options.switch, ['pivot_root', 'switch_root', 'chroot'])
  const given =
    options.mode === undefined
      ? undefined
      : checkWord('rootfs().mode', options.mode, ['overlay', 'readonly', 'writable'])
  if (how === 'chroot') chrootOptions(layers, options)
  const mode = how === 'chroot' ? 'writable' : (given ?? 'overlay')
  if (mode === 'writable' && layers.length > 1) {
    throw contradiction(
      "rootfs(layers, { mode: 'writable' }) takes one directory. Use mode 'overlay' to write above several layers.",
    )
  }
  if (mode !== 'overlay' && options.upper !== undefined) {
    throw contradiction(`rootfs(dir, { mode: '${mode}', upper }): only mode 'overlay' has an upper layer.`)
  }
  if (options.size !== undefined && (mode !== 'overlay' || options.upper !== undefined)) {
    throw contradiction(
      "rootfs(dir, { size }) is the size of the layer in memory: only with mode 'overlay' and without `upper`.",
    )
  }
  const upper = options.upper === undefined ? undefined : upperDirectory(options.upper, layers)
  const sizeBytes = options.size === undefined ? DEFAULT_SIZE : parseBytes('rootfs().size', options.size, 65536)
  return Object.freeze({ layers: Object.freeze(layers), mode, upper, sizeBytes, switch: how })
}

/** A bind mount; a relative source is resolved against the caller's working directory now. */
export function parseBind(source: unknown, target: unknown, options: unknown): MountRecipe {
  const known = checkKeys('bind() options', options ?? {}, ['writable', 'optional'])
  const path = resolve(checkText('bind() source', source))
  return Object.freeze({
    kind: 'bind',
    source: path,
    target: checkTarget('bind() target', target ?? path),
    writable: checkBoolean('bind().writable', known.writable, false),
    optional: checkBoolean('bind().optional', known.optional, false),
  })
}

/** A file system in memory. */
export function parseTmpfs(target: unknown, options: unknown): MountRecipe {
  const known = checkKeys('tmpfs() options', options ?? {}, ['size', 'mode'])
  return Object.freeze({
    kind: 'tmpfs',
    target: checkTarget('tmpfs() target', target),
    sizeBytes: known.size === undefined ? DEFAULT_TMPFS : parseBytes('tmpfs().size', known.size, 4096),
    mode: checkMode('tmpfs().mode', known.mode, 0o1777),
  })
}

/** A file with the given content; bytes are copied, since the recipe is immutable. */
export function parseFile(target: unknown, content: unknown, options: unknown): MountRecipe {
  const known = checkKeys('file() options', options ?? {}, ['mode'])
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
    throw invalid(TypeError, 'file() content', 'a string or a Uint8Array', content)
  }
  return Object.freeze({
    kind: 'file',
    target: checkTarget('file() target', target),
    content: typeof content === 'string' ? content : new Uint8Array(content),
    mode: checkMode('file().mode', known.mode, 0o644),
  })
}

/** A symbolic link at `path` that leads to `target`. */
export function parseSymlink(target: unknown, path: unknown): MountRecipe {
  return Object.freeze({
    kind: 'symlink',
    target: checkText('symlink() target', target),
    path: checkTarget('symlink() path', path),
  })
}

/** A path that is made to read empty. */
export function parseMask(path: unknown): MountRecipe {
  return Object.freeze({ kind: 'mask', path: checkTarget('mask() path', path) })
}
