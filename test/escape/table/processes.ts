// Processes: the supervisor, other runs, the host's; outliving the end, and being too many.
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sandbox } from 'cofferdam'
import { firstText } from '../../support/boxes.js'
import { run } from '../../support/command.js'
import { cgroup2, controller, root } from '../../support/host.js'
import { attackProgram } from '../../support/probe.js'
import { atMost } from '../../support/slow.js'
import { type Attack, lost, type Play, type Verdict, verdictOf, won } from '../attack.js'
import { anotherRun, inside, onHost, outputs } from '../stage.js'

const LOOKING = /^((open|read|readlink): (EACCES|EPERM|EINVAL|ENOENT)(, |$))+$/

const STARVING = /^((sched_setaffinity|sched_setscheduler|setpriority|prlimit|ioprio_set): EPERM(, |$)){5}$/

/** A file to which a daemon adds. */
function heartbeat(directory: string): string {
  const path = join(directory, 'beat')
  writeFileSync(path, '')
  chmodSync(path, 0o666)
  return path
}

/** Whether it does within a time; ten beats a second are due. */
async function grows(path: string, timeMs: number): Promise<boolean> {
  const before = statSync(path).size
  for (const endMs = performance.now() + timeMs; performance.now() < endMs; ) {
    await sleep(20)
    if (statSync(path).size > before) return true
  }
  return false
}

/** A double fork, sessions of its own, deaf to signals. */
const survive: Play = async ({ t, recipe }) => {
  const directory = outputs(t)
  const path = heartbeat(directory)
  const child = await recipe
    .bind(directory, '/out', { writable: true })
    .spawn('/attack', ['survive', '/out/beat'], { stdin: 'ignore', stderr: 'ignore' })
  const said = firstText(child.stdout)
  const result = await child.wait()
  await child.closed
  if (result.outcome === 'seccomp-violation') return lost(`violation ${result.syscall}`)
  if (/open: EACCES/.test(await said)) return lost('open: EACCES')
  if (statSync(path).size === 0) throw new Error(`It never lived: ${result.explain()}`)
  return (await grows(path, atMost(400))) ? won('it has outlived the run') : lost('ended with its run')
}

const surviveOnHost: Play = async ({ t }) => {
  const path = heartbeat(outputs(t))
  const { stdout } = await run(attackProgram(), ['survive', path])
  const pid = Number(/^daemon (\d+)$/m.exec(stdout)?.[1])
  t.cleanUp(() => process.kill(pid, 'SIGKILL'))
  return (await grows(path, atMost(5000))) ? won('it has outlived its parent') : lost('ended with its parent')
}

/** By the number that another run has on the host. */
const reachAnother: Play = async ({ t, recipe }) => {
  const other = await anotherRun(t, recipe.seccomp('default'), 'hold 30')
  await firstText(other.stdout, '\n')
  return verdictOf(await recipe.run('/attack', ['reach', String(other.pid)]))
}

const reachNode = (recipe: Sandbox): Promise<Verdict> =>
  recipe.run('/attack', ['reach', String(process.pid)]).then(verdictOf)

/** In a box: other commands are started meanwhile, again and again. */
const stopStarting: Play = async ({ t, recipe }) => {
  const box = await recipe.limits({ wallTime: atMost(600) }).open()
  t.cleanUp(() => box.close())
  let over = false
  const attack = box.run('/attack', ['stop-starting', '60']).finally(() => {
    over = true
  })
  const others = async () => {
    while (!over) await box.run('/attack', ['hold', '0'])
  }
  const hanging = sleep(atMost(10_000), undefined, { ref: false, signal: t.signal })
  const ended = await Promise.race([attack, hanging.catch(() => undefined), others().then(() => attack)])
  return ended ? verdictOf(ended) : won('it runs past its limit, and the supervisor waits')
}

const within = (wallTimeMs: number) => (recipe: Sandbox) => recipe.limits({ wallTime: atMost(wallTimeMs) })
const few = (recipe: Sandbox) => recipe.limits({ pids: 16 })

export const PROCESSES: readonly Attack[] = [
  {
    name: 'a fork bomb',
    wall: 'pids.max of the tree',
    play: inside('fork-bomb 64', few),
    expect: { default: 'outcome pids-limit', strict: /^violation (clone|fork)$/ },
    control: { how: 'without a limit', play: inside('fork-bomb 64') },
    needs: [controller('pids')],
  },
  {
    name: 'a double fork into a session of its own, to survive the end',
    wall: 'the pid namespace ends with init, and the cgroup is killed',
    play: survive,
    expect: { default: 'ended with its run', strict: 'open: EACCES', off: 'ended with its run' },
    control: { how: 'as a plain child process', play: surviveOnHost },
  },
  {
    name: 'SIGSTOP to the supervisor',
    wall: 'the first process of a pid namespace does not take signals from inside',
    play: inside('signal parent 19'),
    expect: { default: /^kill: (no effect|EPERM)$/, strict: /^kill: (no effect|EPERM)$/ },
    control: { how: 'where the supervisor is a shell', play: onHost('signal parent 19') },
  },
  {
    name: 'SIGKILL to the supervisor',
    wall: 'the first process of a pid namespace does not take signals from inside',
    play: inside('signal parent 9'),
    expect: { default: /^kill: (no effect|EPERM)$/, strict: /^kill: (no effect|EPERM)$/ },
    control: { how: 'where the supervisor is a shell', play: onHost('signal parent 9') },
  },
  {
    name: 'SIGSTOP to everybody, and then past the wall limit',
    wall: "init's timer, out of reach of signals from inside",
    play: inside('signal-all 19 60', within(300)),
    expect: { default: 'outcome wall-time-limit', strict: 'outcome wall-time-limit' },
    control: { how: 'without a limit', play: inside('signal-all 19 0.5') },
  },
  {
    name: 'SIGSTOP to a process that is being started in the same box, for which the supervisor waits',
    wall: 'init waits without CLONE_VFORK: it watches clocks meanwhile, and lets the process go on',
    play: stopStarting,
    expect: { default: 'outcome wall-time-limit', strict: 'outcome wall-time-limit' },
    control: { how: 'against a supervisor that uses vfork', play: onHost('stop-vfork') },
    needs: [cgroup2],
  },
  {
    name: 'sleeping past the wall limit, deaf to signals',
    wall: "init's timer and SIGKILL",
    play: inside('sleep-past 60', within(300)),
    expect: { default: 'outcome wall-time-limit', strict: 'outcome wall-time-limit' },
    control: { how: 'without a limit', play: inside('sleep-past 0.5') },
  },
  {
    name: 'tracing the supervisor',
    wall: 'seccomp; without it init is not dumpable',
    play: inside('trace parent'),
    expect: { default: 'violation ptrace', strict: 'violation ptrace', off: 'ptrace: EPERM' },
    control: { how: 'where the supervisor is a shell', play: onHost('trace parent') },
  },
  {
    name: "the supervisor's memory by process_vm_readv",
    wall: 'seccomp; without it init is not dumpable',
    play: inside('read-memory parent'),
    expect: {
      default: 'violation process_vm_readv',
      strict: 'violation process_vm_readv',
      off: 'process_vm_readv: EPERM',
    },
    control: { how: 'where the supervisor is a shell', play: onHost('read-memory parent') },
  },
  {
    name: "the supervisor's descriptors by pidfd_getfd",
    wall: 'seccomp; without it init is not dumpable',
    play: inside('steal-descriptor parent'),
    expect: { default: 'violation pidfd_getfd', strict: 'violation pidfd_open', off: 'pidfd_getfd: EPERM' },
    control: { how: 'where the supervisor is a shell', play: onHost('steal-descriptor parent') },
  },
  {
    name: "the supervisor's /proc/1/mem, environ, fd, root and the like",
    wall: 'init is not dumpable',
    play: inside('look-into parent'),
    expect: { default: LOOKING, strict: LOOKING, off: LOOKING },
    control: { how: 'where the supervisor is a shell', play: onHost('look-into parent') },
  },
  {
    name: 'less of the processor, or lower limits, for the supervisor: prlimit, sched_setscheduler and the like',
    wall: 'init has real and saved ids that the command has not, and more capabilities',
    play: inside('starve parent'),
    expect: {
      default: STARVING,
      strict: 'violation ioprio_set',
    },
    control: { how: 'where the supervisor is a shell', play: onHost('starve parent') },
    needs: [root],
  },
  {
    name: 'finding other processes',
    wall: 'the pid namespace, and a /proc of its own',
    play: inside('find-others'),
    expect: { default: '/proc: nobody else', strict: '/proc: nobody else' },
    control: {
      how: "with the host's processes shared",
      weaken: (recipe) => recipe.share('pid'),
      needs: [root, cgroup2],
    },
  },
  {
    name: 'a signal to another run',
    wall: 'the pid namespace: its number does not exist inside',
    play: reachAnother,
    expect: { default: 'kill: ESRCH', strict: 'kill: ESRCH' },
    control: {
      how: "with the host's processes shared",
      weaken: (recipe) => recipe.share('pid'),
      needs: [root, cgroup2],
    },
  },
  {
    name: 'a signal to Node',
    wall: "the pid namespace, and ids that are nobody's on the host",
    play: ({ recipe }) => reachNode(recipe),
    expect: { default: 'kill: ESRCH', strict: 'kill: ESRCH' },
    control: {
      how: "as root of the host with the host's processes shared",
      weaken: (recipe) => recipe.share('pid', 'user'),
      needs: [root, cgroup2],
    },
  },
]
