// Reads a trace of system calls, as `perf script` prints it, and finds what happens in each of many like calls.

/** One system call, or a mark of the scheduler, of one thread. */
export interface Step {
  /** The thread's part: its name. */
  who: string
  what: string
  /** From the call on, in microseconds. */
  beginUs: number
  endUs: number
}

export interface Line {
  comm: string
  /** Of the process, and of the thread. */
  pid: number
  tid: number
  timeUs: number
  event: string
  /** Of the system call. */
  number: number
  /** Of a fork: the new thread. */
  child: number
}

/** What target.ts calls where a call begins, where it has returned, and where its result is there. */
const MARK = 'getppid'
const MARKS = ['the call begins', 'the call has returned', 'the result is there'] as const

const FORM = /^\s*(.+?)\s+(\d+)\/(\d+)\s+(\d+\.\d+):\s+(?:\w+:)?(\w+):\s*(.*)$/

export function parseLine(text: string): Line | undefined {
  const [, comm = '', pid, tid, seconds, event = '', rest = ''] = FORM.exec(text) ?? []
  if (seconds === undefined) return undefined
  const number = /^NR (-?\d+)/.exec(rest)?.[1] ?? -1
  const child = /child_pid=(\d+)/.exec(rest)?.[1] ?? -1
  const timeUs = Number(seconds) * 1e6
  return { comm, pid: Number(pid), tid: Number(tid), timeUs, event, number: Number(number), child: Number(child) }
}

/** Keeps a process's threads and all that they have begotten: others on the machine may have the same names. */
export function ownFilter(pid: number): (line: Line) => boolean {
  const own = new Set<number>()
  return (line) => {
    const isOwn = line.pid === pid || own.has(line.tid)
    if (isOwn && line.child > 0) own.add(line.child)
    return isOwn && line.event !== 'sched_process_fork'
  }
}

/** Tells a command that has not executed yet from its init, whose name it still has: only init clones. */
export function nameCommands(lines: readonly Line[], isClone: (line: Line) => boolean): Line[] {
  const inits = new Set(lines.filter((line) => line.event === 'sys_enter' && isClone(line)).map(({ tid }) => tid))
  const isCommand = ({ comm, tid }: Line) => comm === 'true' || (comm === 'cofferdam-init' && !inits.has(tid))
  return lines.map((line) => (isCommand(line) ? { ...line, comm: 'command' } : line))
}

/** The calls that took the least time, without the first ones, which warm up. */
export function fasterHalf(calls: readonly Step[][], warmUp = 20): Step[][] {
  const endUs = (steps: readonly Step[]) => Math.max(...steps.map((step) => step.beginUs))
  const counted = calls.slice(warmUp).sort((a, b) => endUs(a) - endUs(b))
  return counted.slice(0, Math.ceil(counted.length / 2))
}

/** The steps of each call, in the order of their beginnings. Whole calls only. */
export function splitCalls(lines: Iterable<Line>, main: number, nameOf: (number: number) => string): Step[][] {
  const calls: Step[][] = []
  const open = new Map<number, Step>()
  let beginUs = Number.NaN
  let marks = 0
  let steps: Step[] = []
  for (const { comm, tid, timeUs, event, number } of lines) {
    let what = event.startsWith('sys_') ? nameOf(number) : event
    if (tid === main && what === MARK) {
      if (event === 'sys_exit') continue
      if (marks === 0) {
        beginUs = timeUs
        steps = []
        open.clear()
      }
      what = MARKS[marks] ?? ''
      marks = (marks + 1) % MARKS.length
      steps.push({ who: 'main thread', what, beginUs: timeUs - beginUs, endUs: timeUs - beginUs })
      if (marks === 0) calls.push(steps)
      continue
    }
    if (marks === 0) continue
    const atUs = timeUs - beginUs
    const begun = open.get(tid)
    if (event === 'sys_exit') {
      // A call that had begun before the first mark ends without a beginning: a wait.
      if (begun?.what === what) begun.endUs = atUs
      else if (!begun) steps.push({ who: comm, what: `${what} (had waited)`, beginUs: atUs, endUs: atUs })
      open.delete(tid)
      continue
    }
    const step = { who: tid === main ? 'main thread' : comm, what, beginUs: atUs, endUs: Number.NaN }
    steps.push(step)
    if (event === 'sys_enter') open.set(tid, step)
    else step.endUs = atUs
  }
  return calls
}

export interface Row {
  who: string
  what: string
  /** Medians over the calls that have it. */
  beginUs: number
  tookUs: number
  /** The part of all calls that have it. */
  share: number
}

/** Like steps of all calls as one: the same thread, the same system call, the same turn. */
export function timeline(calls: readonly Step[][], median: (values: readonly number[]) => number): Row[] {
  const groups = new Map<string, Step[]>()
  for (const steps of calls) {
    const turns = new Map<string, number>()
    for (const step of steps) {
      const name = `${step.who}\t${step.what}`
      const turn = (turns.get(name) ?? 0) + 1
      turns.set(name, turn)
      const key = `${name}\t${turn}`
      groups.set(key, [...(groups.get(key) ?? []), step])
    }
  }
  return [...groups.values()]
    .map((steps) => ({
      who: steps[0]?.who ?? '',
      what: steps[0]?.what ?? '',
      beginUs: median(steps.map(({ beginUs }) => beginUs)),
      tookUs: median(steps.map(({ beginUs, endUs }) => endUs - beginUs).filter(Number.isFinite)),
      share: steps.length / calls.length,
    }))
    .sort((a, b) => a.beginUs - b.beginUs)
}
