// Languages are data: languages.json says how a source becomes something that runs, and what its runtime needs beyond
// what the problem grants. A language whose programs are not installed here is left out.
//
//   compile.command   run once, in a sandbox, in a directory with the source; fails with anything but 0: compile error.
//                     Interpreted languages check the syntax there
//   compile.keep      what it leaves that is kept: names, `*` stands for any part of one. Default: the source
//   run.command       run once per test, in a fresh sandbox, in a read-only directory with what was kept
//   needs             paths of the host, besides its system directories, that both see read-only
//   run.extra...      allowances of the runtime, added to the problem's limits, so that a limit means the program
//
// In run.command `{memoryMiB}` is the problem's memory limit, `{stackMiB}` and `{stackKiB}` nine tenths of its stack.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type Sandbox, sandbox } from 'cofferdam'
import { Fields, parseJson } from './fields.js'
import { readDuration, readSize } from './units.js'

export interface Language {
  id: string
  title: string
  /** The name that the source has for the compiler. */
  source: string
  needs: readonly string[]
  compile: {
    command: readonly [file: string, ...args: string[]]
    keep: readonly string[]
    cpuTimeMs: number
    memoryBytes: number
    pids: number
  }
  run: {
    command: readonly [file: string, ...args: string[]]
    /** Processes and threads at once, those of the runtime included. */
    pids: number
    extraCpuTimeMs: number
    /** What the problem's CPU time is multiplied by, before the extra is added. */
    cpuTimeFactor: number
    extraMemoryBytes: number
    /** Exit codes by which the runtime says that it is out of memory. */
    memoryExitCodes: readonly number[]
  }
}

export async function loadLanguages(file: URL | string): Promise<Map<string, Language>> {
  const table = new Fields(parseJson(await readFile(file, 'utf8'), 'languages.json'), 'languages.json')
  const languages = table.entries().map(([id, fields]) => readLanguage(id, fields))
  const installed = languages.filter(({ compile, run, needs }) =>
    [compile.command[0], run.command[0], ...needs].every((path) => path.startsWith('/box/') || existsSync(path)),
  )
  return new Map(installed.map((language) => [language.id, language]))
}

function readLanguage(id: string, fields: Fields): Language {
  const compile = fields.fields('compile')
  const run = fields.fields('run')
  const source = fields.text('source')
  const language: Language = {
    id,
    title: fields.text('title'),
    source,
    needs: fields.texts('needs', []),
    compile: {
      command: readCommand(compile),
      keep: compile.texts('keep', [source]),
      cpuTimeMs: readDuration(compile, 'cpuTime', '20s'),
      memoryBytes: readSize(compile, 'memory', '512MiB'),
      pids: compile.number('pids', 32, 1, 4096),
    },
    run: {
      command: readCommand(run),
      pids: run.number('pids', 16, 1, 4096),
      extraCpuTimeMs: run.has('extraCpuTime') ? readDuration(run, 'extraCpuTime', '') : 0,
      cpuTimeFactor: run.number('cpuTimeFactor', 1, 1, 100),
      extraMemoryBytes: run.has('extraMemory') ? readSize(run, 'extraMemory', '') : 0,
      memoryExitCodes: run.numbers('memoryExitCodes', []),
    },
  }
  for (const part of [compile, run, fields]) part.done()
  return language
}

/** The beginning of both recipes of a language. */
export function languageRecipe({ needs }: Language): Sandbox {
  const recipe = sandbox().env({ PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: '/tmp' })
  return needs.reduce((box, path) => box.bind(path), recipe)
}

function readCommand(fields: Fields): readonly [string, ...string[]] {
  const [file, ...args] = fields.texts('command')
  if (file === undefined || !file.startsWith('/')) {
    return fields.fail('command', 'a list that begins with an absolute path', [file, ...args])
  }
  return [file, ...args]
}
