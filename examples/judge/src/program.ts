// What the service and its workers have in common: how they begin, and what becomes of settings that cannot be right.
import { fileURLToPath } from 'node:url'
import { ConfigError, type readConfig } from './config.js'
import { DescriptionError } from './engine/fields.js'
import { Judge } from './engine/judge.js'
import { loadLanguages } from './engine/languages.js'
import { loadProblems } from './engine/problem.js'

/** Runs a program to its end; what its user has to put right is said in one line, with exit code 2. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof DescriptionError)) throw error
    console.error(error.message)
    process.exitCode = 2
  }
}

/** The judge of these settings, or of the problems and languages that come with this example. */
export async function loadJudge(config: Pick<ReturnType<typeof readConfig>, 'languages' | 'problems'>) {
  const languages = await loadLanguages(config.languages ?? new URL('../languages.json', import.meta.url))
  const problems = await loadProblems(config.problems ?? fileURLToPath(new URL('../problems', import.meta.url)))
  return { languages, problems, judge: new Judge(problems, languages) }
}
