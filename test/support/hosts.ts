// Hosts that permit less than this one: Node in namespaces of its own that have been spoilt, or under a seccomp filter.
import { spawn } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { probeRootfs } from './boxes.js'
import { CALLER, type Refusal } from './caller.js'
import { type CommandResult, ended } from './command.js'
import { oldKernel, outerFilter } from './probe.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Host {
  /** New namespaces, as flags of unshare(1). @default ['--mount'] */
  readonly unshare?: readonly string[]
  /** With `--user` among them: the ids of this process's own namespace from 0 on that exist in it. */
  readonly ids?: number
  /** Shell commands that spoil it, as root of these namespaces. */
  readonly prepare?: string
  /** What an outer seccomp filter answers, and to which calls: fixtures/outer-filter.c. */
  readonly filter?: readonly [answer: string, calls: string]
  /**
   * A release before 5.7 whose answers to clone3 and close_range it has, or `'EPERM'`: a filter that permits threads and
   * processes, but no new namespaces. Both by fixtures/old-kernel.c.
   */
  readonly kernel?: '5.4' | '5.6' | 'EPERM'
  /** Whether the caller is an ordinary user; otherwise it is root. @default false */
  readonly ordinary?: boolean
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program of Node on such a host, to its end. */
export async function nodeOn(host: Host, ...args: readonly string[]): Promise<CommandResult> {
  const { unshare = ['--mount'], ids, prepare = ':', filter, kernel, ordinary = false, env = {} } = host
  const asUser = ordinary ? ['setpriv', `--reuid=${CALLER}`, `--regid=${CALLER}`, '--clear-groups'] : []
  const filtered = filter ? [outerFilter(), ...filter] : []
  const older = kernel ? [oldKernel(), kernel] : []
  // The first shell may have come before its user namespace's ids: it has no rights there before it executes another.
  const shell = ['sh', '-c', 'read _; exec "$@"', 'sh', 'sh', '-c', `${prepare} && exec "$@"`, 'sh']
  const child = spawn('unshare', [...unshare, ...shell, ...older, ...asUser, ...filtered, process.execPath, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const end = ended(child)
  if (ids !== undefined && child.pid !== undefined) await giveIds(child.pid, ids)
  child.stdin?.on('error', () => {})
  child.stdin?.end('\n')
  return end
}

async function giveIds(pid: number, count: number): Promise<void> {
  const own = readlinkSync('/proc/self/ns/user')
  const deadlineMs = performance.now() + 5000
  while (readlinkSync(`/proc/${pid}/ns/user`) === own) {
    if (performance.now() > deadlineMs) throw new Error('unshare(1) made no user namespace')
    await sleep(5)
  }
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, `0 0 ${count}\n`)
}

const PRELUDE = `
import { sandbox } from 'cofferdam'
const [, rootfs, ...args] = process.argv
const box = () => sandbox().rootfs(rootfs)
const refusal = (promise) => promise.then(
  (result) => ({ name: 'none', message: result.explain() }),
  ({ name, feature, hint, step, code, message }) => ({ name, feature, hint, step, code, message }))
const answer = await (async () => {`

/** As `asCaller` of caller.ts, on such a host: the body has `sandbox`, `box()`, `refusal(promise)` and `args`. */
export async function askOn<Answer = Refusal>(host: Host, body: string, ...args: string[]): Promise<Answer> {
  const source = `${PRELUDE}\n${body}\n})()\nprocess.stdout.write(JSON.stringify(answer))`
  const { code, stdout, stderr } = await nodeOn(
    host,
    '--input-type=module',
    '--eval',
    source,
    '--',
    probeRootfs,
    ...args,
  )
  if (code !== 0 || stderr !== '') throw new Error(`Node ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

/** The refusal of the smallest sandbox there. */
export function refusalOn(host: Host): Promise<Refusal> {
  return askOn(host, `return refusal(box().run('/true'))`)
}
