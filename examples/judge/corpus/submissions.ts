// The corpus: submissions/<problem>/<verdict>-<what it does>.<extension>. The name of a file says what must become of it.
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { VERDICTS, type Verdict } from '../src/engine/verdict.js'

const LANGUAGES: Record<string, string> = { c: 'c', cpp: 'cpp', py: 'python', js: 'javascript', java: 'java' }

export interface CorpusEntry {
  /** `sum/TLE-sleeps.c` */
  name: string
  problem: string
  language: string
  source: string
  expected: Verdict
}

export async function loadCorpus(directory: string): Promise<CorpusEntry[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(files.sort().map(load))
}

async function load(path: string): Promise<CorpusEntry> {
  const problem = basename(join(path, '..'))
  const name = `${problem}/${basename(path)}`
  const language = LANGUAGES[extname(path).slice(1)]
  const expected = VERDICTS.find((verdict) => basename(path).startsWith(`${verdict}-`))
  if (!language || !expected) {
    const [verdicts, extensions] = [VERDICTS.join(', '), Object.keys(LANGUAGES).join(', ')]
    throw new Error(`${name}: expected a name that begins with one of ${verdicts} and ends with one of ${extensions}.`)
  }
  return { name, problem, language, source: await readFile(path, 'utf8'), expected }
}
