// One line about the machine, without which no figure means anything.
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

export function describeMachine(): string {
  const processors = cpus()
  return [
    `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
    `cgroup ${cgroupVersion()}`,
    `transparent huge pages ${/\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1] ?? 'none'}`,
    process.getuid?.() === 0 ? 'as root' : 'not as root',
  ].join(', ')
}

/** Processes that wanted a processor in the last minute (proc_loadavg(5)), and a warning where those were too many. */
export function describeLoad(): { load: number; warning: string | undefined } {
  const [load = 0] = loadavg()
  const busy = load > availableParallelism() / 2
  const warning = `The machine was busy before the run (load ${load.toFixed(1)}): the figures say little, even as ratios.`
  return { load, warning: busy ? warning : undefined }
}

/** Where the cgroup v2 hierarchy is mounted, if it is. */
export function cgroup2Mount(): string | undefined {
  const lines = read('/proc/self/mountinfo').split('\n')
  return lines.find((line) => line.includes(' - cgroup2 '))?.split(' ')[4]
}

function cgroupVersion(): string {
  const mounts = read('/proc/self/mountinfo')
  const v2 = / - cgroup2 /.test(mounts)
  const v1 = / - cgroup /.test(mounts)
  return v1 && v2 ? 'v1 and v2' : v2 ? 'v2' : v1 ? 'v1' : 'none'
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
