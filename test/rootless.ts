// Runs the suite as an ordinary user: `npm run test:rootless`, as root. Arguments are those of `npm test`; without any it is
// the sandbox tier. It ends as `npm test` does, with the count.
//
// The user has no name, no privilege, a temporary directory of its own, and control groups that are delegated to it where this
// host has them: so limits are tested, not only their refusal. What needs root is skipped and says so. The checkout is
// used where it is if the user can read it, and copied if not. Afterwards nothing may be left of the user's processes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ownGroup } from './support/host.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const HIERARCHIES = ['', 'pids', 'memory']
// Not the user of anybody else's run.
const USER = 30_000 + (process.pid % 30_000)
const AS_USER = { uid: USER, gid: USER }

if (process.getuid?.() !== 0) throw new Error('test:rootless is started by root; any other user says `npm test`')

const home = mkdtempSync(join(tmpdir(), 'cofferdam-rootless-'))
chownSync(home, USER, USER)
const groups: string[] = []
let child: ChildProcess | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child?.kill('SIGTERM'))

try {
  groups.push(...HIERARCHIES.flatMap(delegate))
  process.exitCode = await runAsUser(usableCheckout(), process.argv.slice(2))
  const left = await processesOfUser()
  if (left.length > 0) {
    console.log(`Left behind by user ${USER}: ${left.join(', ')}`)
    process.exitCode = 1
  }
} finally {
  for (const group of groups.reverse()) await removeGroup(group)
  rmSync(home, { recursive: true, force: true })
}

function usableCheckout(): string {
  const read = `require('fs').readFileSync(${JSON.stringify(join(CHECKOUT, 'dist/index.js'))})`
  const { status, error } = spawnSync(process.execPath, ['-e', read], AS_USER)
  if (status === 0) return CHECKOUT
  if (error) throw new Error(`Other users cannot run ${process.execPath}: ${error.message}`)
  const copy = join(home, basename(CHECKOUT))
  cpSync(CHECKOUT, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => basename(path) !== '.git' })
  const { status: owned } = spawnSync('chown', ['-R', `${USER}:${USER}`, copy])
  if (owned !== 0) throw new Error(`${copy} cannot be given to user ${USER}`)
  return copy
}

/**
 * A group for the user in one hierarchy. In cgroup v2 the user's processes go into a leaf of it, as under systemd with
 * DelegateSubgroup=: the kernel lets only a group without processes hand controllers on.
 */
function delegate(controller: string): string[] {
  const parent = ownGroup(controller)
  if (parent === undefined) return []
  const path = join(parent, `rootless-${USER}`)
  const made: string[] = []
  for (const directory of controller === '' ? [path, join(path, 'main')] : [path]) {
    try {
      mkdirSync(directory)
    } catch {
      return made // no group can be made here: then there are no limits to test
    }
    made.push(directory)
    for (const name of ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks'])
      if (name === '' || readdirSync(directory).includes(name)) chownSync(join(directory, name), USER, USER)
  }
  if (controller === '') handOn(parent)
  return made
}

/** Below systemd all controllers are there for users' groups; in a bare root group nobody has enabled them yet. */
function handOn(group: string): void {
  const available = readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' ')
  for (const name of available.filter((name) => ['cpu', 'cpuset', 'io', 'memory', 'pids'].includes(name))) {
    try {
      writeFileSync(join(group, 'cgroup.subtree_control'), `+${name}`)
    } catch {
      return // this process is in the group: then it has what it has
    }
  }
}

function runAsUser(checkout: string, args: readonly string[]): Promise<number> {
  // A group's leaf comes after it: the last move is the one that counts.
  const enter = groups.map((group) => `echo $$ > ${group}/cgroup.procs && `).join('')
  const user = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--']
  const runner = process.env.COFFERDAM_VM === '1' ? ['test/run.js'] : ['--import', 'tsx', 'test/run.ts']
  const tests = [...runner, ...(args.length > 0 ? args : ['--tier', 'sandbox'])]
  const { COFFERDAM_MUST_WORK, ...environment } = process.env // what needs root must be skipped
  child = spawn('sh', ['-c', `${enter}exec "$@"`, 'sh', ...user, process.execPath, ...tests], {
    cwd: checkout,
    env: { ...environment, TMPDIR: home, HOME: home },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((done, fail) => {
    child?.once('error', fail)
    child?.once('close', (code) => done(code ?? 1))
  })
}

function namesOfProcesses(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || statSync(`/proc/${pid}`).uid !== USER) return []
      return [`${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`]
    } catch {
      return []
    }
  })
}

/** Those that are still there when there was time enough to end. */
async function processesOfUser(): Promise<string[]> {
  const endMs = performance.now() + 5000
  while (namesOfProcesses().length > 0 && performance.now() < endMs) await sleep(50)
  return namesOfProcesses()
}

async function removeGroup(path: string): Promise<void> {
  for (const endMs = performance.now() + 5000; ; await sleep(20)) {
    try {
      return rmdirSync(path)
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
  }
}
