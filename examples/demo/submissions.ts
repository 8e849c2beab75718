// The programs to judge: files, each of which says in its first line what should become of it.
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { VERDICTS, type Verdict } from './judge.js'

export interface Submission {
  name: string
  language: '.c' | '.py' | '.sh'
  source: string
  expected: Verdict
}

export async function loadSubmissions(directory: string): Promise<Submission[]> {
  const names = await readdir(directory)
  return Promise.all(names.sort().map((name) => load(directory, name)))
}

async function load(directory: string, name: string): Promise<Submission> {
  const language = extname(name)
  if (language !== '.c' && language !== '.py' && language !== '.sh') throw new Error(`${name}: unknown language`)

  const source = await readFile(join(directory, name), 'utf8')
  const stated = /^(?:\/\/|#) Expected verdict: (.+)$/m.exec(source)?.[1]
  const expected = VERDICTS.find((verdict) => verdict === stated)
  if (!expected)
    throw new Error(`${name}: expected one of ${VERDICTS.join(', ')} in its first line, received ${stated}`)
  return { name, language, source, expected }
}
