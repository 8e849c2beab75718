// Texts of cgroup files to figures: pure, for the end of a run and for a look at a live one.

/** What the files of the joined hierarchies say; `undefined` where none says it. */
export interface CgroupFigures {
  cpuMs?: number
  userMs?: number
  systemMs?: number
  memoryBytes?: number
  memoryPeakBytes?: number
  oomKills?: number
  pids?: number
  pidsPeak?: number
  pidsRefused?: number
  readBytes?: number
  writtenBytes?: number
  cpuPressureMs?: number
  memoryPressureMs?: number
  ioPressureMs?: number
}

// "key number" on a line of its own. By hand: this is on the way of every result.
function keyed(text: string, key: string): number | undefined {
  const start = `${key} `
  let at = 0
  while (!text.startsWith(start, at)) {
    at = text.indexOf('\n', at) + 1
    if (at === 0) return undefined
  }
  const end = text.indexOf('\n', at)
  return number(text.slice(at + start.length, end < 0 ? undefined : end))
}

function number(text: string): number | undefined {
  return /^\d+\s*$/.test(text) ? Number(text) : undefined
}

function total(text: string, pattern: RegExp): number {
  let sum = 0
  for (const match of text.matchAll(pattern)) sum += Number(match[1])
  return sum
}

// Documentation/accounting/psi.rst: microseconds in which at least one process waited.
function stalledMs(text: string): number | undefined {
  const match = /^some .*\btotal=(\d+)$/m.exec(text)
  return match ? Number(match[1]) / 1e3 : undefined
}

type Reader = (figures: CgroupFigures, text: string) => void

function put<K extends keyof CgroupFigures>(figures: CgroupFigures, key: K, value: CgroupFigures[K]): void {
  if (value !== undefined) figures[key] = value
}

function scaled(value: number | undefined, divisor: number): number | undefined {
  return value === undefined ? undefined : value / divisor
}

const READERS: Record<string, Reader> = {
  'cpu.stat': (figures, text) => {
    put(figures, 'cpuMs', scaled(keyed(text, 'usage_usec'), 1e3))
    put(figures, 'userMs', scaled(keyed(text, 'user_usec'), 1e3))
    put(figures, 'systemMs', scaled(keyed(text, 'system_usec'), 1e3))
  },
  'cpuacct.usage': (figures, text) => {
    // The v2 file, where there is one, was read first and is the finer account.
    if (figures.cpuMs === undefined) put(figures, 'cpuMs', scaled(number(text), 1e6))
  },
  'memory.current': (figures, text) => put(figures, 'memoryBytes', number(text)),
  'memory.usage_in_bytes': (figures, text) => put(figures, 'memoryBytes', number(text)),
  'memory.peak': (figures, text) => put(figures, 'memoryPeakBytes', number(text)),
  'memory.max_usage_in_bytes': (figures, text) => put(figures, 'memoryPeakBytes', number(text)),
  'memory.events': (figures, text) => put(figures, 'oomKills', keyed(text, 'oom_kill')),
  'memory.oom_control': (figures, text) => put(figures, 'oomKills', keyed(text, 'oom_kill')),
  'pids.current': (figures, text) => put(figures, 'pids', number(text)),
  'pids.peak': (figures, text) => put(figures, 'pidsPeak', number(text)),
  'pids.events': (figures, text) => put(figures, 'pidsRefused', keyed(text, 'max')),
  // An empty io.stat is a group that has not touched a disk.
  'io.stat': (figures, text) => {
    figures.readBytes = total(text, /\brbytes=(\d+)/g)
    figures.writtenBytes = total(text, /\bwbytes=(\d+)/g)
  },
  'cpu.pressure': (figures, text) => put(figures, 'cpuPressureMs', stalledMs(text)),
  'memory.pressure': (figures, text) => put(figures, 'memoryPressureMs', stalledMs(text)),
  'io.pressure': (figures, text) => put(figures, 'ioPressureMs', stalledMs(text)),
  'blkio.throttle.io_service_bytes_recursive': (figures, text) => {
    figures.readBytes = total(text, /^\d+:\d+ Read (\d+)$/gm)
    figures.writtenBytes = total(text, /^\d+:\d+ Write (\d+)$/gm)
  },
}

/** Figures from pairs of a file's name and its text; an `undefined` text is a file that is not there. */
export function parseFigures(texts: Iterable<readonly [file: string, text: string | undefined]>): CgroupFigures {
  const figures: CgroupFigures = {}
  for (const [file, text] of texts) if (text !== undefined) READERS[file]?.(figures, text)
  return figures
}
