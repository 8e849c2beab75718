// The recipe of one command of go-judge's API: /w is its working directory, in memory, with what is copied in; the rest is
// a sandbox's default. Limits that are not given are the service's own, and larger ones are refused, not cut.
import { posix } from 'node:path'
import { type Sandbox, sandbox } from 'cofferdam'
import { type Command, RequestError } from './model.js'
import type { Sources } from './sources.js'

/** The most that a command can have, and has when it does not say. */
export interface Ceilings {
  cpuTimeMs: number
  wallTimeMs: number
  memoryBytes: number
  pids: number
  /** Of each file that is written. */
  fileBytes: number
  /** Of what is below /w. */
  workBytes: number
  openFiles: number
}

export const CEILINGS: Ceilings = {
  cpuTimeMs: 120_000,
  wallTimeMs: 300_000,
  memoryBytes: 2 ** 30,
  pids: 256,
  fileBytes: 256 * 2 ** 20,
  workBytes: 128 * 2 ** 20,
  openFiles: 256,
}

export interface Prepared {
  recipe: Sandbox
  file: string
  args: string[]
  /** More is a time limit exceeded. */
  cpuTimeMs: number
}

/** @throws RequestError */
export async function prepare(
  command: Command,
  place: string,
  sources: Sources,
  ceilings: Ceilings,
): Promise<Prepared> {
  const files = new Map<string, Buffer>()
  for (const [path, file] of command.copyIn) {
    if (!('symlink' in file)) files.set(path, await sources.read(file))
  }
  const total = [...files.values()].reduce((sum, content) => sum + content.length, 0)
  if (total > ceilings.workBytes) {
    throw new RequestError(`Expected ${place}.copyIn to have at most ${ceilings.workBytes} bytes, received ${total}.`)
  }
  const limits = limitsOf(command, place, ceilings)
  const [name, ...args] = command.args
  const file = command.copyIn.has(name) ? `/w/${name}` : name
  try {
    const recipe = withFiles(sandbox().env(command.env), command, files, ceilings).cwd('/w').limits(limits)
    return { recipe, file, args, cpuTimeMs: limits.cpuTime }
  } catch (error) {
    // Bad values of a kind that the sandbox knows better: its message names them.
    if ((error as { code?: string }).code !== 'ERR_SANDBOX_INVALID_OPTION') throw error
    throw new RequestError(`${place}: ${(error as Error).message}`)
  }
}

function withFiles(recipe: Sandbox, { copyIn }: Command, files: Map<string, Buffer>, ceilings: Ceilings): Sandbox {
  const size = ceilings.workBytes
  let box = recipe.tmpfs('/w', { size, mode: 0o777 })
  // Directories that the command may write to as well, each a file system of its own: made as part of a file's path they
  // would be the sandbox's.
  for (const directory of directoriesOf([...copyIn.keys()])) box = box.tmpfs(`/w/${directory}`, { size, mode: 0o777 })
  for (const [path, file] of copyIn) {
    box =
      'symlink' in file
        ? box.symlink(file.symlink, `/w/${path}`)
        : box.file(`/w/${path}`, files.get(path) ?? '', { mode: 0o777 })
  }
  return box
}

/** Outer ones first. */
function directoriesOf(paths: readonly string[]): string[] {
  const found = new Set<string>()
  for (const path of paths) {
    for (let at = posix.dirname(path); at !== '.'; at = posix.dirname(at)) found.add(at)
  }
  return [...found].sort()
}

function limitsOf(command: Command, place: string, ceilings: Ceilings) {
  const within = (name: string, value: number | undefined, ceiling: number) => {
    if (value === undefined || value <= ceiling) return value ?? ceiling
    throw new RequestError(`Expected ${place}.${name} to be at most ${ceiling} here, received ${value}.`)
  }
  const cpuTime = within('cpuLimit in ms', command.cpuTimeMs, ceilings.cpuTimeMs)
  return {
    cpuTime,
    wallTime: within('clockLimit in ms', command.wallTimeMs, ceilings.wallTimeMs),
    memory: within('memoryLimit', command.memoryBytes, ceilings.memoryBytes),
    pids: within('procLimit', command.pids, ceilings.pids),
    fileSize: ceilings.fileBytes,
    openFiles: ceilings.openFiles,
    stack: command.stackBytes,
    cpu: command.cpu,
    cpuset: command.cpuset,
  }
}
