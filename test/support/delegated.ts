// Control groups that root has made and given to the caller of caller.ts: what an administrator or systemd delegates.
import { chownSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALLER } from './caller.js'
import { ownGroup } from './host.js'
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
  if (parent === undefined) throw new Error(`There is no hierarchy for '${controller}'`)
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
