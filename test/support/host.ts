// What a test may need of its host. Each need answers with the reason why the host has it not, or undefined.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { probe } from './probe.js'

export type Need = () => string | undefined

export const root: Need = () => (process.getuid?.() === 0 ? undefined : 'needs root')

export const notRoot: Need = () => (process.getuid?.() === 0 ? 'needs a caller that is not root' : undefined)

/** That this process is root and may be somebody else, who can read the checkout. */
export const anyUser: Need = () => {
  if (process.getuid?.() !== 0) return root()
  const checkout = fileURLToPath(import.meta.url)
  const readable = spawnSync('test', ['-r', checkout], { uid: 65534, gid: 65534 }).status === 0
  return readable ? undefined : 'needs a checkout that other users can read'
}

/** A cgroup controller, of either version, that this process can use: `memory`, `pids`, `cpu`, `cpuset`, `io` (v1: `blkio`). */
export const controller =
  (name: string): Need =>
  () => {
    const v1 = ownGroup(name === 'io' ? 'blkio' : name)
    const has = (v1 !== undefined && mayUse(v1)) || (mayUseV2() && v2Controllers().includes(name))
    return has ? undefined : `needs the ${name} cgroup controller`
  }

/** A cgroup v2 hierarchy that this process can make groups in, with controllers or without. */
export const cgroup2: Need = () => (mayUseV2() ? undefined : 'needs a cgroup v2 hierarchy')

/** Control groups that tell the CPU time of a tree. */
export const cpuClock: Need = () => (mayUseV2() ? undefined : controller('cpuacct')())

/** The directory of this process's own group in cgroup v2 (`''`), or in the hierarchy of a v1 controller. */
export function ownGroup(controller: string): string | undefined {
  const groups = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  const below = groups
    .map((line) => line.split(':'))
    .find(([, names = '']) => names.split(',').includes(controller))?.[2]
  const mount = cgroupMounts().find(({ type, options }) =>
    controller === '' ? type === 'cgroup2' : type === 'cgroup' && options.includes(controller),
  )
  return below === undefined || mount === undefined ? undefined : join(mount.path, below)
}

function mayUse(group: string): boolean {
  try {
    accessSync(group, constants.W_OK)
    accessSync(join(group, 'cgroup.procs'), constants.W_OK)
    return true
  } catch {
    return false
  }
}

// A process may sit in a leaf of the group that it was given.
function mayUseV2(): boolean {
  const own = ownGroup('')
  return own !== undefined && (mayUse(own) || mayUse(dirname(own)))
}

/** Landlock, in the kernel and enabled. */
export const landlock: Need = () => {
  const { stdout } = spawnSync(probe(), ['landlock-version'], { encoding: 'utf8' })
  return Number(stdout) >= 2 ? undefined : `needs Landlock: ${stdout.trim()}`
}

/** A program on the PATH. */
export const command =
  (name: string): Need =>
  () =>
    spawnSync('sh', ['-c', `command -v ${name}`]).status === 0 ? undefined : `needs ${name}`

function v2Controllers(): string[] {
  const mount = cgroupMounts().find(({ type }) => type === 'cgroup2')
  return mount ? readFileSync(`${mount.path}/cgroup.controllers`, 'utf8').trim().split(' ') : []
}

/** What is mounted of either version. */
export function cgroupMounts(): { path: string; type: string; options: string[] }[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '', type = '', options = '']) => ({ path, type, options: options.split(',') }))
}
