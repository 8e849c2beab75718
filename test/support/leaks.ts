// What a sandbox could leave behind, and the check that it has not: descriptors of this process, child processes and
// zombies, processes and directories in cofferdam's cgroups, mounts, temporary files.
//
// cofferdam names its cgroup `cofferdam.<pid of the Node process>.<hex>`. Several test runs may share a machine, so a
// group counts here only when it belongs to this process or to one that is dead.
//
// The library keeps that group, with a leaf for the inits, a janitor process and inits made ahead while sandboxes are live
// and a moment longer, so that the next one starts faster. They are counted only on request: at the end of a file. What
// the inits made ahead hold (descriptors) cannot be told from a leak by looking at it: before anything is called one,
// the library is asked to let go of them.
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost } from './slow.js'

export interface Snapshot {
  /** How many descriptors of each kind. */
  readonly descriptors: ReadonlyMap<string, number>
  /** Everything else, each as a line that says what it is. */
  readonly things: ReadonlySet<string>
  /** Those of the things that are kept for the next sandbox. */
  readonly processWide: ReadonlySet<string>
}

export interface LeakOptions {
  /** Count also what the library keeps while sandboxes come and go. @default false */
  includeProcessWide?: boolean
  /** How long to wait for the kernel to finish tearing down. @default 5000 */
  settleMs?: number
  /** Makes the library let go of what it has made ahead. */
  drain?: (() => void) | undefined
}

/** An init made ahead, which nobody has asked for yet. */
const BLANK = 'cofferdam-blank'

const GROUP = /\/cofferdam\.(\d+)\.[0-9a-f]+/

/** Fails unless everything that has appeared since `before` is gone, at the latest after a settling time. */
export async function assertNothingLeft(before: Snapshot, options: LeakOptions = {}): Promise<void> {
  const { settleMs = 5000, includeProcessWide = false, drain } = options
  const deadlineMs = performance.now() + atMost(settleMs)
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    const leaks = findLeaks(before, snapshot(), includeProcessWide)
    if (leaks.length === 0) return
    if (pauseMs >= 8) drain?.()
    if (performance.now() > deadlineMs) throw new Error(`Left behind:\n  ${leaks.join('\n  ')}`)
    await sleep(pauseMs)
  }
}

export function snapshot(): Snapshot {
  const groups = cgroupDirectories()
  const { children, members } = processes()
  const things = [...children, ...members, ...groups, ...mounts(), ...temporaryFiles()]
  // A direct child is never the library's to keep.
  const kept = [...members, ...groups].filter((thing) => isKept(thing))
  return { descriptors: descriptors(), things: new Set(things), processWide: new Set(kept) }
}

function findLeaks(before: Snapshot, after: Snapshot, includeProcessWide: boolean): string[] {
  const things = [...after.things].filter(
    (thing) => !before.things.has(thing) && (includeProcessWide || !after.processWide.has(thing)),
  )
  // Descriptors are compared after a warm-up only; `before` of a whole file was taken before it.
  if (includeProcessWide) return things
  const more = [...after.descriptors].flatMap(([kind, count]) => {
    const extra = count - (before.descriptors.get(kind) ?? 0)
    return extra > 0 ? [`descriptor: ${kind} (${extra} more)`] : []
  })
  return [...more, ...things]
}

function descriptors(): Map<string, number> {
  const kinds = new Map<string, number>()
  for (const fd of list('/proc/self/fd')) {
    const target = attempt(() => readlinkSync(`/proc/self/fd/${fd}`))
    if (target === undefined || /^\/proc\/\d+\/fd$/.test(target)) continue
    const kind = target.replace(/:\[\d+\]$/, '')
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  return kinds
}

function processes(): { children: string[]; members: string[] } {
  const children: string[] = []
  const members: string[] = []
  const ownImages = initImages()
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = read(`/proc/${pid}/stat`)
    const [, name = '', state, parent] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(stat) ?? []
    const group = read(`/proc/${pid}/cgroup`)
      .split('\n')
      .find((line) => isOurs(line))
    // Somebody else's to reap: a host's first process may take seconds for it.
    if (state === 'Z' && Number(parent) !== process.pid) continue
    // The TypeScript loader has a compiler of its own.
    if (Number(parent) === process.pid && name === BLANK) {
      members.push(`process of the library: ${pid} (${name}), state ${state}`)
    } else if (Number(parent) === process.pid && name !== 'esbuild') {
      children.push(`child process: ${pid} (${name}), state ${state}`)
    } else if (group) {
      members.push(`process in a cgroup: ${pid} (${name}), ${group}`)
    } else if (ownImages.has(inode(`/proc/${pid}/exe`))) {
      members.push(`process of the library: ${pid} (${name}), state ${state}`)
    }
  }
  return { children, members }
}

/** The memfds that this process starts inits and janitors from. */
function initImages(): Set<string | undefined> {
  const fds = list('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`)
  return new Set(fds.filter((fd) => attempt(() => readlinkSync(fd))?.startsWith('/memfd:cofferdam')).map(inode))
}

function inode(path: string): string | undefined {
  const info = attempt(() => statSync(path))
  return info && `${info.dev}:${info.ino}`
}

function cgroupDirectories(): string[] {
  const roots = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '')
  return roots
    .flatMap((root) => directoriesBelow(root))
    .filter((path) => isOurs(path))
    .map((path) => `cgroup: ${path}`)
}

function directoriesBelow(directory: string): string[] {
  const entries = attempt(() => readdirSync(directory, { withFileTypes: true })) ?? []
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name))
    .flatMap((path) => [path, ...directoriesBelow(path)])
}

function mounts(): string[] {
  const lines = read('/proc/self/mountinfo').split('\n')
  return lines.filter((line) => line !== '').map((line) => `mount: ${line.split(' ').slice(3).join(' ')}`)
}

function temporaryFiles(): string[] {
  // Caches that the TypeScript loader and Node keep for the next process.
  const names = list(tmpdir()).filter((name) => !/^(tsx-\d+|node-compile-cache)$/.test(name))
  return names.map((name) => `temporary file: ${join(tmpdir(), name)}`)
}

function isOurs(path: string): boolean {
  const owner = GROUP.exec(path)?.[1]
  return owner !== undefined && (Number(owner) === process.pid || !isAlive(Number(owner)))
}

/** The group itself, the leaf for the inits and the janitor, of this very process. */
function isKept(thing: string): boolean {
  const group = new RegExp(`/cofferdam\\.${process.pid}\\.[0-9a-f]+(\\.\\d+)?(/init)?$`)
  return group.test(thing) || /^process of the library: \d+ \(cofferdam-(clean|blank)\)/.test(thing)
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

function list(directory: string): string[] {
  return attempt(() => readdirSync(directory)) ?? []
}

function read(path: string): string {
  return attempt(() => readFileSync(path, 'utf8')) ?? ''
}

/** Things in /proc and in cgroups may go at any moment. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
