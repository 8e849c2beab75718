// Problems on disk. One directory each:
//
//   problems/sum/
//     problem.json    title, limits, and either a checker or an interactor, with limits of its own
//     statement.md
//     tests/01.in     what the program reads; 01.out is the answer. Either may be gzip-compressed: 01.in.gz
//     checker.cpp     where problem.json names one
//
// Everything is looked at when the judge starts; the tests' contents are read when they are needed, so that a hundred
// problems with large inputs cost no memory.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { DescriptionError, Fields, parseJson } from './fields.js'
import { readDuration, readSize } from './units.js'

/** A test that unpacks to more than this is refused: a compressed bomb is the problem setter's mistake. */
const MAX_TEST_BYTES = 256 * 2 ** 20
const unzip = promisify(gunzip)

/** What a contestant's program may use, before the language's allowances. */
export interface ProblemLimits {
  /** CPU time of the whole tree of processes, in milliseconds. More is TLE. */
  cpuTimeMs: number
  /** For programs that wait: several times the CPU time, so that a loaded machine decides no verdict. */
  wallTimeMs: number
  memoryBytes: number
  /** Of stdout and stderr together. */
  outputBytes: number
  /** By default as much as the memory: deep recursion is a matter of the memory limit alone. */
  stackBytes: number
}

/** A program of the problem setter's: a special judge, or the other side of an interactive problem. */
export interface SetterProgram {
  language: string
  source: string
  limits: ProblemLimits
}

const SETTER_DEFAULTS = { cpuTime: '10s', wallTime: '30s', memory: '512MiB', stack: '64MiB' }

export type Checker =
  | { type: 'exact' }
  | { type: 'token'; ignoreCase: boolean }
  | { type: 'float'; absolute: number; relative: number }
  | { type: 'program'; program: SetterProgram }
  | { type: 'interactive'; program: SetterProgram }

export interface Test {
  name: string
  input(): Promise<Buffer>
  answer(): Promise<Buffer>
}

export interface Problem {
  id: string
  title: string
  statement: string
  limits: ProblemLimits
  checker: Checker
  tests: readonly Test[]
}

/** All problems of a directory, by their ids, which are the names of their directories. @throws DescriptionError */
export async function loadProblems(directory: string): Promise<Map<string, Problem>> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  if (names.length === 0) {
    throw new DescriptionError(
      `Expected ${directory} to be a directory of problems, each a directory with problem.json.`,
    )
  }
  const problems = await Promise.all(names.sort().map((name) => loadProblem(join(directory, name))))
  return new Map(problems.map((problem) => [problem.id, problem]))
}

/** @throws DescriptionError when something in the directory is not as it should be */
export async function loadProblem(directory: string): Promise<Problem> {
  const id = basename(directory)
  const place = `${id}/problem.json`
  const fields = new Fields(parseJson(await readFile(join(directory, 'problem.json'), 'utf8'), place), place)
  const title = fields.text('title')
  const limits = readLimits(fields.fields('limits'))
  const checker = await readChecker(fields, directory)
  fields.done()
  const statement = await readFile(join(directory, 'statement.md'), 'utf8')
  return { id, title, statement, limits, checker, tests: await findTests(join(directory, 'tests'), id) }
}

function readLimits(fields: Fields, defaults: typeof SETTER_DEFAULTS | undefined = undefined): ProblemLimits {
  const cpuTimeMs = readDuration(fields, 'cpuTime', defaults?.cpuTime ?? '1s')
  const memoryBytes = readSize(fields, 'memory', defaults?.memory ?? '256MiB')
  const limits = {
    cpuTimeMs,
    memoryBytes,
    wallTimeMs: readDuration(fields, 'wallTime', defaults?.wallTime ?? `${Math.min(5 * cpuTimeMs + 5000, 600_000)}ms`),
    outputBytes: readSize(fields, 'output', '16MiB'),
    stackBytes: readSize(fields, 'stack', defaults?.stack ?? `${memoryBytes}B`),
  }
  fields.done()
  if (limits.wallTimeMs < cpuTimeMs) fields.fail('wallTime', 'no less than cpuTime', `${limits.wallTimeMs}ms`)
  return limits
}

async function readChecker(problem: Fields, directory: string): Promise<Checker> {
  const isInteractive = problem.has('interactor')
  if (isInteractive === problem.has('checker')) {
    throw new DescriptionError(`${problem.place}: expected either a checker or an interactor.`)
  }
  const fields = problem.fields(isInteractive ? 'interactor' : 'checker')
  const type = isInteractive ? 'interactive' : fields.choice('type', ['exact', 'token', 'float', 'program'])
  const checker = await readCheckerOfType(type, fields, directory)
  fields.done()
  return checker
}

async function readCheckerOfType(type: Checker['type'], fields: Fields, directory: string): Promise<Checker> {
  switch (type) {
    case 'exact':
      return { type }
    case 'token':
      return { type, ignoreCase: fields.flag('ignoreCase') }
    case 'float':
      return { type, absolute: fields.number('absolute', 0, 0, 1e9), relative: fields.number('relative', 0, 0, 1) }
    case 'program':
    case 'interactive': {
      const name = fields.text('source')
      if (basename(name) !== name) fields.fail('source', "a file's name in the problem's directory", name)
      const source = await readFile(join(directory, name), 'utf8')
      const limits = readLimits(fields.fields('limits', false), SETTER_DEFAULTS)
      return { type, program: { language: fields.text('language'), source, limits } }
    }
  }
}

async function findTests(directory: string, id: string): Promise<Test[]> {
  const files = new Set(await readdir(directory))
  const names = [...files].flatMap((file) => /^(.+)\.in(?:\.gz)?$/.exec(file)?.[1] ?? []).sort()
  if (names.length === 0)
    throw new DescriptionError(`${id}/tests: expected at least one test, such as 01.in and 01.out.`)
  return names.map((name) => {
    const find = (suffix: string) => {
      const found = [`${name}.${suffix}`, `${name}.${suffix}.gz`].filter((file) => files.has(file))
      const [file, other] = found
      if (file && !other) return join(directory, file)
      throw new DescriptionError(`${id}/tests: expected one ${name}.${suffix} or ${name}.${suffix}.gz.`)
    }
    const [input, answer] = [find('in'), find('out')]
    return { name, input: () => readTest(input), answer: () => readTest(answer) }
  })
}

async function readTest(path: string): Promise<Buffer> {
  const bytes = await readFile(path)
  return path.endsWith('.gz') ? unzip(bytes, { maxOutputLength: MAX_TEST_BYTES }) : bytes
}
