// delegateCgroup(): this process leaves the group that was given to it for a leaf in it, so that the group can hand its
// controllers on to those of sandboxes. Only ever downwards: an outer limit still counts for us and for them.

import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { SandboxUnsupportedError } from '../errors.js'
import { forgetHostFacts, hostFacts } from '../host-facts.js'
import { checkKeys, checkText, invalid } from '../validate.js'
import { parseHierarchies } from './detect.js'
import type { CgroupFacts, Hierarchy } from './facts.js'
import { missingController } from './plan.js'

/** Options of {@link delegateCgroup}. */
export interface DelegateCgroupOptions {
  /** Consent, in so many words, to this process being moved: with all its threads, for as long as it lives. */
  readonly moveSelf: true
  /**
   * Name of the leaf. It may be there already, and others may be in it.
   *
   * @default 'main'
   */
  readonly leaf?: string
}

/** What {@link delegateCgroup} has found or made. */
export interface CgroupDelegation {
  /** Whether this process was moved; `false` where that was not needed. */
  readonly moved: boolean
  /** The directory that the groups of sandboxes are made in. */
  readonly base: string
  /** The directory of the group that this process is in now. */
  readonly path: string
  /** The controllers that sandboxes can have there. */
  readonly controllers: readonly string[]
}

const OPERATION = 'delegateCgroup()'
// What recipes can ask for; others (hugetlb, rdma) are nobody's business here.
const CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids']
// What is left over when a Node process was killed, or still looks after one (binding/init/janitor.c).
const JANITOR = 'cofferdam-clean'

interface Member {
  readonly pid: number
  readonly name: string
}

function code(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

async function text(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim()
}

function checkLeaf(value: unknown): string {
  const name = checkText(`${OPERATION}.leaf`, value)
  // The kernel has files called `<controller>.<name>` and `cgroup.<name>` there, and our own groups are swept by name.
  if (/^[A-Za-z0-9_@:-][A-Za-z0-9_@:.-]*$/.test(name) && name.length <= 255 && !/^(cofferdam|cgroup)\./.test(name))
    return name
  const expected =
    "a file name of letters, digits and _ @ : . - that does not begin with '.', 'cgroup.' or 'cofferdam.'"
  throw invalid(RangeError, `${OPERATION}.leaf`, expected, value)
}

function checkOptions(options: unknown): string {
  const { moveSelf, leaf = 'main' } = checkKeys(`${OPERATION} options`, options, ['moveSelf', 'leaf'])
  if (moveSelf !== true) {
    const remedy = 'It says that this process may be moved to another group, which only the program can know.'
    throw invalid(TypeError, `${OPERATION}.moveSelf`, 'true', moveSelf, remedy)
  }
  return checkLeaf(leaf)
}

function refusal(reason: string, hint: string): SandboxUnsupportedError {
  return new SandboxUnsupportedError(OPERATION, reason, hint)
}

async function membersOf(group: string): Promise<Member[]> {
  const pids = (await text(`${group}/cgroup.procs`)).split('\n').filter(Boolean).map(Number)
  return Promise.all(pids.map(async (pid) => ({ pid, name: pid === 0 ? '' : await text(`/proc/${pid}/comm`) })))
}

// A process of another pid namespace has the number 0 here.
function describe(members: readonly Member[]): string {
  const known = members.filter(({ pid }) => pid > 0).map(({ pid, name }) => `${pid} (${name || 'it has ended'})`)
  const unknown = members.length - known.length
  if (unknown > 0) known.push(`${unknown} of other pid namespaces`)
  const some = known.slice(0, 8).join(', ')
  return known.length > 8 ? `${some} and ${known.length - 8} more` : some
}

async function assertAlone(group: string, leaf: string): Promise<readonly Member[]> {
  const members = await membersOf(group)
  const others = members.filter(({ pid, name }) => pid !== process.pid && name !== JANITOR)
  if (others.length === 0) return members
  throw refusal(
    `other processes are in ${group}, too, and only this one may be moved: ${describe(others)}.`,
    `Start node as the only process there (\`exec node app.js\`), or put all of them into a leaf before it is started: ` +
      `\`mkdir ${group}/${leaf} && for p in $(cat ${group}/cgroup.procs); do echo $p > ${group}/${leaf}/cgroup.procs; done\`.`,
  )
}

/**
 * Makes the leaf, or takes one that is there; `true` when it is new. It has no limits: its files come with the controllers
 * that we are about to enable.
 */
async function makeLeaf(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if (code(error) !== 'EEXIST') {
      throw refusal(
        `${path} cannot be made (${code(error)}).`,
        code(error) === 'EAGAIN'
          ? 'Raise cgroup.max.descendants and cgroup.max.depth in that group and in those above it.'
          : 'Have the group delegated to this user: its directory, cgroup.procs and cgroup.subtree_control.',
      )
    }
  }
  return false
}

async function move(pid: number, group: string): Promise<void> {
  try {
    await writeFile(`${group}/cgroup.procs`, String(pid))
  } catch (error) {
    if (code(error) === 'ESRCH') return // a janitor that has ended meanwhile
    throw refusal(
      `process ${pid} cannot be moved to ${group} (${code(error)}).`,
      code(error) === 'EBUSY' || code(error) === 'EOPNOTSUPP'
        ? 'The group is threaded (cgroup.type), or has groups of its own below it: name another leaf.'
        : 'Have the group delegated to this user: its directory, cgroup.procs and cgroup.subtree_control.',
    )
  }
}

/** Enables what can be; a controller that the kernel refuses (cpu, say, with real-time processes) does not stop others. */
async function enable(group: string, controllers: readonly string[]): Promise<[enabled: string[], refused: string[]]> {
  const enabled: string[] = []
  const refused: string[] = []
  for (const name of controllers) {
    try {
      await writeFile(`${group}/cgroup.subtree_control`, `+${name}`)
      enabled.push(name)
    } catch (error) {
      refused.push(`${name}: ${code(error)}`)
    }
  }
  return [enabled, refused]
}

async function moveDown(base: string, blocked: readonly string[], name: string): Promise<void> {
  const leaf = `${base}/${name}`
  const members = await assertAlone(base, name)
  const made = await makeLeaf(leaf)
  const moved: number[] = []
  try {
    for (const { pid } of members) {
      await move(pid, leaf)
      moved.push(pid)
    }
    const [enabled, refused] = await enable(base, blocked)
    if (enabled.length > 0) return
    await assertAlone(base, name) // somebody came while we went
    throw refusal(
      `the kernel enables no controller below ${base} (${refused.join(', ')}).`,
      'Look at cgroup.type there: a threaded group has controllers for threads only.',
    )
  } catch (error) {
    for (const pid of moved) await move(pid, base).catch(() => {})
    if (made) await rmdir(leaf).catch(() => {})
    throw error
  }
}

function v2Of({ hierarchies }: CgroupFacts): Hierarchy | undefined {
  return hierarchies.find(({ version }) => version === 2)
}

async function ownPath(): Promise<string> {
  const mounted = parseHierarchies(await text('/proc/self/cgroup'), await text('/proc/self/mountinfo'))
  return mounted.find(({ version }) => version === 2)?.base ?? ''
}

async function delegate(leaf: string): Promise<CgroupDelegation> {
  forgetHostFacts() // this process may have been moved since they were read
  const facts = hostFacts().cgroups
  const before = v2Of(facts)
  if (!before) {
    const { reason, hint } = missingController(OPERATION, 'memory', { ...facts, hierarchies: [] })
    throw refusal(reason, hint)
  }
  const blocked = before.blocked.filter((name) => CONTROLLERS.includes(name))
  const needed = blocked.length > 0
  if (needed) {
    await moveDown(before.base, blocked, leaf)
    forgetHostFacts()
  }
  const { base, controllers } = v2Of(hostFacts().cgroups) ?? before
  return Object.freeze({
    moved: needed,
    base,
    path: await ownPath(),
    controllers: Object.freeze(controllers.filter((name) => CONTROLLERS.includes(name))),
  })
}

let last: Promise<unknown> = Promise.resolve()

/**
 * Lets this process move itself into a leaf of its own cgroup v2 group, so that sandboxes made in that group can have
 * limits: the kernel lets only a group without processes hand controllers on ("no internal processes", cgroups(7)).
 * That is where a program finds itself in a container whose cgroup namespace begins at its own group, in
 * `systemd-run --scope -p Delegate=yes`, and in a unit with `Delegate=yes` but no `DelegateSubgroup=`.
 *
 * Moved is this process alone, with all its threads and the helper that cleans up after it. It is moved downwards, and the
 * groups of sandboxes are made in the group that it has left: limits around it hold for it and for them as before. Where
 * nothing is in the way nothing is moved. It stays where it is when the call ends; a later call moves nothing.
 *
 * It is for the whole process; a `worker_thread` that has used a recipe before learns of it by a call of its own.
 *
 * @throws TypeError or RangeError for bad options
 * @throws SandboxUnsupportedError with `feature` `'delegateCgroup()'`: without a cgroup v2 group that this process may write
 * to, when other processes are in the group (the message names them), or when the kernel refuses; nothing has changed then
 * @example
 * await delegateCgroup({ moveSelf: true })
 * await sandbox().limits({ memory: '64MiB' }).run('true')
 */
export async function delegateCgroup(options: DelegateCgroupOptions): Promise<CgroupDelegation> {
  const leaf = checkOptions(options)
  const next = last.then(() => delegate(leaf))
  last = next.catch(() => {})
  return next
}
