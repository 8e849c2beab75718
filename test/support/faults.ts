// Single system calls of the library that fail, once each: the test's own process runs under fixtures/faults.c, which
// counts them and makes the chosen one fail. Import this file first: it starts the test file again, under that program.
import { spawnSync } from 'node:child_process'
import { readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { faultsProgram } from './probe.js'

const [ORDERS, ANSWERS] = [3, 4]

/** Who makes a call: see the head of fixtures/faults.c. */
export type Role =
  | 'main'
  | 'spawner'
  | 'watcher'
  | 'stock'
  | 'child'
  | 'init'
  | 'command'
  | 'stock-child'
  | 'stock-init'

/** One call of one role: the first is number 0. */
export interface Call {
  readonly role: Role
  readonly name: string
  readonly number: number
}

/** How often each role has made each call. */
export interface Count {
  readonly role: Role
  readonly name: string
  readonly count: number
}

/** What a call is answered when it fails: an errno that its manual page has, for a reason outside of this package. */
const ERRORS: Readonly<Record<string, keyof typeof constants.errno>> = {
  capget: 'EPERM',
  capset: 'EPERM',
  chdir: 'EIO',
  chown: 'EIO',
  chroot: 'EPERM',
  clone3: 'EAGAIN',
  close_range: 'EMFILE',
  dup3: 'EMFILE',
  epoll_create1: 'EMFILE',
  epoll_ctl: 'ENOMEM',
  epoll_pwait: 'EINTR',
  epoll_wait: 'EINTR',
  eventfd2: 'EMFILE',
  execve: 'ENOMEM',
  execveat: 'ENOMEM',
  fchdir: 'EIO',
  fchmod: 'EIO',
  fchown: 'EIO',
  fchownat: 'EIO',
  fcntl: 'EMFILE',
  flock: 'ENOLCK',
  fstatfs: 'EIO',
  ftruncate: 'EIO',
  getdents64: 'EIO',
  ioctl: 'EIO',
  keyctl: 'ENOMEM',
  memfd_create: 'ENOMEM',
  mkdir: 'ENOSPC',
  mkdirat: 'ENOSPC',
  mmap: 'ENOMEM',
  mount: 'ENOMEM',
  mount_setattr: 'ENOMEM',
  move_mount: 'ENOMEM',
  mprotect: 'ENOMEM',
  newfstatat: 'ENOMEM',
  open: 'EMFILE',
  open_tree: 'EMFILE',
  openat: 'EMFILE',
  openat2: 'EMFILE',
  pipe2: 'EMFILE',
  pivot_root: 'ENOMEM',
  poll: 'EINTR',
  ppoll: 'EINTR',
  prctl: 'EPERM',
  pread64: 'EIO',
  prlimit64: 'EPERM',
  read: 'EINTR',
  recvmsg: 'EINTR',
  rmdir: 'EBUSY',
  seccomp: 'ENOMEM',
  sendmsg: 'ENOBUFS',
  setgroups: 'ENOMEM',
  sethostname: 'EPERM',
  setns: 'ENOMEM',
  setpgid: 'EPERM',
  setpriority: 'EACCES',
  setresgid: 'EAGAIN',
  setresuid: 'EAGAIN',
  setsid: 'EPERM',
  setsockopt: 'ENOMEM',
  signalfd4: 'EMFILE',
  socket: 'EMFILE',
  socketpair: 'EMFILE',
  statx: 'ENOMEM',
  symlinkat: 'ENOSPC',
  umount2: 'EBUSY',
  unlink: 'EIO',
  unlinkat: 'EIO',
  unshare: 'ENOMEM',
  write: 'ENOSPC',
}

/** The error of a call: the watcher writes to pipes alone, which are never full for good. */
export function errorOf({ role, name }: Call): number {
  const error = role === 'watcher' && name === 'write' ? 'EINTR' : ERRORS[name]
  if (error === undefined) throw new Error(`There is no error for ${name} in the table`)
  return constants.errno[error]
}

if (process.env.COFFERDAM_UNDER_FAULTS !== '1') startAgain()

function startAgain(): never {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const env = { ...process.env, COFFERDAM_UNDER_FAULTS: '1' }
  const { status, error } = spawnSync(faultsProgram(), again, { env, stdio: 'inherit' })
  if (error) console.error(error.message)
  process.exit(status ?? 1)
}

/** Counts the calls from now on, to be stopped by `stopCounting`. */
export function count(): void {
  order('watch', /^ok\n$/)
}

/** The same, and one of them fails. */
export function fail(call: Call): void {
  order(`fail ${call.role} ${call.name} ${call.number} ${errorOf(call)}`, /^ok\n$/)
}

/** The calls so far, and how many were made to fail. */
export function stopCounting(): { failed: number; counts: Count[] } {
  const [first = '', ...lines] = order('stop', /^failed (.*\n)*\.\n$/)
    .trim()
    .split('\n')
  const counts = lines.slice(0, -1).map((line) => {
    const [role = '', name = '', number] = line.split(' ')
    return { role: role as Role, name, count: Number(number) }
  })
  return { failed: Number(first.split(' ')[1]), counts }
}

function order(text: string, end: RegExp): string {
  writeSync(ORDERS, `${text}\n`)
  const chunk = Buffer.alloc(16_384)
  let answer = ''
  while (!end.test(answer)) {
    const size = readSync(ANSWERS, chunk)
    if (size === 0 || answer === 'unknown order\n') throw new Error(`faults.c did not obey ${text}: ${answer}`)
    answer += chunk.toString('latin1', 0, size)
  }
  return answer
}
