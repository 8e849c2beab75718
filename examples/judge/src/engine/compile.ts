// Compiling: a friend's program with a stranger's input. It runs in a box of its own, whose one writable place is a tmpfs;
// what the recipe of the language keeps is taken from there when the compiler and all that it started have ended, and put
// into a directory of the judge's, read-only for those who run it. That the compiler fails, or needs more than it may, is
// the contestant's compile error; that there is no compiler is ours.
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BoxDirectory, CollectError } from './collect.js'
import { type Language, languageRecipe } from './languages.js'
import { readable } from './text.js'

const MAX_FILE_BYTES = 32 * 2 ** 20
const MAX_KEPT_BYTES = 48 * 2 ** 20
const MAX_MESSAGE_BYTES = 16 * 2 ** 10

export type Compiled = { ok: true; directory: string } | { ok: false; message: string }

/** @param directory does not exist yet; it is made, and the caller's to remove */
export async function compile(
  language: Language,
  source: string,
  directory: string,
  signal?: AbortSignal,
): Promise<Compiled> {
  const { command, cpuTimeMs, memoryBytes, pids, keep } = language.compile
  const [file, ...args] = command
  const recipe = languageRecipe(language)
    .tmpfs('/w', { size: '64MiB', mode: 0o777 })
    .file(`/w/${language.source}`, source, { mode: 0o444 })
    .cwd('/w')
    .limits({ cpuTime: cpuTimeMs, wallTime: cpuTimeMs * 5, memory: memoryBytes, pids })
    .limits({ fileSize: MAX_FILE_BYTES, output: '256KiB', openFiles: 256 })

  const box = await recipe.open({ signal })
  try {
    const result = await box.run(file, args, { encoding: 'buffer', signal })
    signal?.throwIfAborted()
    if (!result.ok) {
      const said = readable(Buffer.concat([result.stderr, result.stdout]), MAX_MESSAGE_BYTES).trim()
      const why = result.outcome === 'exited' ? '' : `The compiler was ended. ${result.explain()}`
      return { ok: false, message: [why, said].filter(Boolean).join('\n') || result.explain() }
    }
    await box.onIdle()
    const work = await BoxDirectory.open(box, '/w')
    try {
      return await keepFiles(work, keep, directory)
    } finally {
      await work.close()
    }
  } finally {
    await box.close()
  }
}

async function keepFiles(work: BoxDirectory, patterns: readonly string[], directory: string): Promise<Compiled> {
  const isKept = patterns.map(toRegExp)
  const names = (await work.names()).filter((name) => isKept.some((pattern) => pattern.test(name)))
  if (names.length === 0) return { ok: false, message: `The compiler has made no ${patterns.join(', ')}.` }

  await mkdir(directory)
  let left = MAX_KEPT_BYTES
  for (const name of names.sort()) {
    try {
      const bytes = await work.read(name, Math.min(MAX_FILE_BYTES, left))
      left -= bytes.length
      await writeFile(join(directory, name), bytes, { flag: 'wx' })
      await chmod(join(directory, name), 0o555)
    } catch (error) {
      if (error instanceof CollectError)
        return { ok: false, message: `The compiled program was not taken: ${error.message}` }
      throw error
    }
  }
  // For the command, who is another user on the host.
  await chmod(directory, 0o755)
  return { ok: true, directory }
}

function toRegExp(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^/]*')}$`)
}
