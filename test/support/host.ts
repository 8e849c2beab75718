// What a test may need of its host. Each need answers with the reason why the host has it not, or undefined.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

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

/** A cgroup controller, of either version: `memory`, `pids`, `cpu`, `cpuset`, `io` (v1: `blkio`). */
export const controller =
  (name: string): Need =>
  () => {
    const old = name === 'io' ? 'blkio' : name
    const hasV1 = cgroupMounts().some(({ type, options }) => type === 'cgroup' && options.includes(old))
    return hasV1 || v2Controllers().includes(name) ? undefined : `needs the ${name} cgroup controller`
  }

/** A cgroup v2 hierarchy, with controllers or without. */
export const cgroup2: Need = () =>
  cgroupMounts().some(({ type }) => type === 'cgroup2') ? undefined : 'needs a cgroup v2 hierarchy'

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
