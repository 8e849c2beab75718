// Node processes that are ended in the middle of their work, and proof that all they had started is gone.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { probeRootfs } from './boxes.js'
import { type NodeOptions, startNode } from './child.js'
import { atMost } from './slow.js'

/** The beginning of every victim: `box` can run /probe and /true. */
export const PREAMBLE = `
  import { sandbox } from 'cofferdam'
  const box = sandbox().rootfs(process.argv[1])
`

/** Starts a victim; its argv[1] is the rootfs. */
export function startVictim(source: string, options: NodeOptions = {}): ChildProcess {
  return startNode(PREAMBLE + source, { ...options, args: [probeRootfs, ...(options.args ?? [])] })
}

/** A process by its number and the time it was started, since numbers are used again. */
export interface Process {
  pid: number
  parent: number
  name: string
  startTime: string
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        const fields = rest.split(' ')
        return [{ pid: Number(pid), name, parent: Number(fields[1]), startTime: fields[19] ?? '' }]
      } catch {
        return []
      }
    })
}

/** Everything that has come from a process and still is its offspring, or works for it in one of its cgroups. */
export function offspring(pid: number): Process[] {
  const all = processes()
  const found = new Set([pid])
  for (let size = 0; size !== found.size; ) {
    size = found.size
    for (const process of all) if (found.has(process.parent)) found.add(process.pid)
  }
  found.delete(pid)
  return all.filter((process) => found.has(process.pid) || worksFor(process, pid))
}

function worksFor(process: Process, owner: number): boolean {
  try {
    return readFileSync(`/proc/${process.pid}/cgroup`, 'utf8').includes(`/cofferdam.${owner}.`)
  } catch {
    return false
  }
}

/** Stops a process and waits until all its threads are stopped: then what it has started does not change. */
export async function stop(victim: ChildProcess): Promise<void> {
  victim.kill('SIGSTOP')
  const tasks = `/proc/${victim.pid}/task`
  for (let round = 0; round < 1000 && victim.exitCode === null && victim.signalCode === null; round++) {
    const states = readdirSync(tasks).map((task) => /\) (\S)/.exec(readFileSync(`${tasks}/${task}/stat`, 'utf8'))?.[1])
    if (states.every((state) => state === 'T')) return
    await sleep(1)
  }
}

/** Which of them are still there and no zombies, once they have had some time; a slow host may reap zombies late. */
export async function survivors(expectedGone: readonly Process[], settleMs = 3000): Promise<string[]> {
  const deadlineMs = performance.now() + atMost(settleMs)
  for (;;) {
    const left = expectedGone.filter(({ pid, startTime }) => {
      try {
        const [, state, rest = ''] = /\) (\S) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        return state !== 'Z' && rest.split(' ')[18] === startTime
      } catch {
        return false
      }
    })
    if (left.length === 0 || performance.now() > deadlineMs) return left.map(({ pid, name }) => `${pid} (${name})`)
    await sleep(20)
  }
}

/** The directories of cgroups that carry a process's number and are still there after some time. */
export async function groupsLeft(pid: number | undefined, settleMs = 3000): Promise<string[]> {
  const roots = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '')
  const deadlineMs = performance.now() + atMost(settleMs)
  for (;;) {
    const left = roots.flatMap((root) => find(root, `cofferdam.${pid}.`, 4))
    if (left.length === 0 || performance.now() > deadlineMs) return left
    await sleep(20)
  }
}

// Groups of anybody go at any moment: what is not there any more has nothing below it.
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

function find(directory: string, prefix: string, depth: number): string[] {
  if (depth === 0) return []
  const names = entriesOf(directory).filter((entry) => entry.isDirectory())
  return names.flatMap(({ name }) =>
    name.startsWith(prefix) ? [`${directory}/${name}`] : find(`${directory}/${name}`, prefix, depth - 1),
  )
}

/** How a victim ended. */
export async function endOf(victim: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  if (victim.exitCode !== null || victim.signalCode !== null) {
    return { code: victim.exitCode, signal: victim.signalCode }
  }
  const [code, signal] = await once(victim, 'exit')
  return { code, signal }
}
