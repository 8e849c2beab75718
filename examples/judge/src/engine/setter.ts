// Programs of the problem setter: special judges and interactors. Each runs in a sandbox of its own, since what it reads
// is the contestant's, and since it may have mistakes. What it says is its exit code:
//
//   0 right, 1 wrong, 2 wrong in its presentation; stderr is the explanation
//
// Anything else, a signal or a limit included, is not a verdict on the contestant: SE.
import type { RunResult, SandboxResult } from 'cofferdam'
import type { Comparison } from './compare.js'
import { type Compiled, compile } from './compile.js'
import type { Language } from './languages.js'
import type { SetterProgram } from './problem.js'
import { type Runnable, runnable } from './recipes.js'
import { readable } from './text.js'

const MAX_COMMENT_BYTES = 1024
const BY_EXIT_CODE = ['AC', 'WA', 'PE'] as const

/** The problem's or the judge's fault: SE, with this message. */
export class SystemFault extends Error {}

/** Compiles each of them once, however many submissions ask for it at once. */
export class SetterPrograms {
  readonly #compiled = new Map<SetterProgram, Promise<Compiled>>()

  constructor(
    private readonly languages: ReadonlyMap<string, Language>,
    private readonly newDirectory: () => string,
  ) {}

  /** @throws SystemFault when it does not compile */
  async get(program: SetterProgram): Promise<Runnable> {
    const language = this.languages.get(program.language)
    if (!language)
      throw new SystemFault(`The problem's program is in ${program.language}, which is not installed here.`)
    let compiling = this.#compiled.get(program)
    if (!compiling) {
      compiling = compile(language, program.source, this.newDirectory())
      this.#compiled.set(program, compiling)
      // A host that could not just then may be able to later.
      compiling.catch(() => this.#compiled.delete(program))
    }
    const compiled = await compiling
    if (!compiled.ok) throw new SystemFault(`The problem's own program does not compile. ${compiled.message}`)
    return runnable(language, program.limits, compiled.directory)
  }
}

/** Runs a special judge on a program's output. */
export async function runChecker(
  checker: Runnable,
  files: { input: Buffer; output: Buffer; answer: Buffer },
  signal?: AbortSignal,
): Promise<Comparison> {
  const { recipe, file, args } = checker
  const paths = (['input', 'output', 'answer'] as const).map((name) => [name, `/judge/${name}`] as const)
  const withFiles = paths.reduce((box, [name, path]) => box.file(path, files[name]), recipe)
  const words = [...args, ...paths.map(([, path]) => path)]
  const result: RunResult<Buffer> = await withFiles.run(file, words, { encoding: 'buffer', signal })
  signal?.throwIfAborted()
  return opinionOf(result, result.stderr)
}

/** @throws SystemFault when it ended in any other way than by saying something about the answer */
export function opinionOf(result: SandboxResult, stderr: Buffer): Comparison {
  const comment = readable(stderr, MAX_COMMENT_BYTES).trim()
  const verdict = result.outcome === 'exited' ? BY_EXIT_CODE[result.exitCode] : undefined
  if (!verdict)
    throw new SystemFault(`The problem's checker or interactor failed. ${result.explain()} ${comment}`.trim())
  return { verdict, explanation: comment || (verdict === 'AC' ? 'The answer is right.' : 'The answer is wrong.') }
}
