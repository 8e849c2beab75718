// Control groups that root has made and given to the caller of caller.ts: what an administrator or systemd delegates.
import { chownSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALLER } from './caller.js'
import type { TestContext } from './suite.js'

/** A group in one hierarchy. */
export interface Delegated {
  readonly path: string
  /** Shell commands by which root puts the shell itself there. */
  readonly enter: string
}

/**
 * Makes a group below this process's own, in cgroup v2 (`''`) or in the hierarchy of a v1 controller, and gives it to the
 * caller. It is removed after the test, which fails when something is left in it.
 */
export function delegate(t: TestContext, controller: string): Delegated {
  const parent = ownGroup(controller)
  // Not named as the library names its groups.
  const path = join(parent, `delegated-${process.pid}-${Math.random().toString(16).slice(2, 10)}`)
  mkdirSync(path)
  t.cleanUp(() => removeGroup(path))
  for (const name of ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks']) {
    if (name === '' || readdirSync(path).includes(name)) chownSync(join(path, name), CALLER, CALLER)
  }
  return { path, enter: `echo $$ > ${path}/cgroup.procs` }
}

// The library's janitor leaves last, after its Node process.
async function removeGroup(path: string): Promise<void> {
  for (const endMs = performance.now() + 5000; ; await sleep(20)) {
    try {
      return rmdirSync(path)
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
  }
}

function ownGroup(controller: string): string {
  const groups = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  const below = groups
    .map((line) => line.split(':'))
    .find(([, names = '']) => names.split(',').includes(controller))?.[2]
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const mount = mounts
    .map((line) => line.split(' '))
    .find(([, , type, options = '']) =>
      controller === '' ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(controller),
    )?.[1]
  if (below === undefined || mount === undefined) throw new Error(`No hierarchy for '${controller}'`)
  return join(mount, below)
}
