// The documents of this repository that promise something: README.md and the pages of docs/, with their code blocks,
// headings and links.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Files, from the root of the repository; the README first. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
]

/** A block of JavaScript or TypeScript. */
export interface Block {
  /** The file, and which of its blocks this is, counted from 1. */
  readonly origin: string
  readonly code: string
  /** Whether it is to be executed; one that is marked `no-run` needs what a test cannot give it, and only has to compile. */
  readonly runs: boolean
}

export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/**
 * The blocks of a document, in its order.
 *
 * @throws Error for a block with another mark than `no-run`, which would be neither run nor compiled
 */
export function blocksOf(file: string): Block[] {
  const fences = [...readDocument(file).matchAll(/^```(?:js|ts|javascript|typescript)\b(.*)\n([\s\S]*?)^```$/gm)]
  return fences.map(([, mark = '', code = ''], i) => {
    const origin = `${file}: block ${i + 1}`
    if (mark !== '' && mark !== ' no-run') throw new Error(`${origin} has the unknown mark '${mark.trim()}'.`)
    return { origin, code, runs: mark === '' }
  })
}

/** Blocks of shell commands that promise what they print (`# → text`), one line each. */
export function shellBlocksOf(
  file: string,
): { readonly origin: string; readonly code: string; readonly promised: readonly string[] }[] {
  const fences = [...readDocument(file).matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  return fences.flatMap(([, code = ''], i) => {
    const promised = [...code.matchAll(/# → (.*)$/gm)].map(([, line = '']) => line)
    return promised.length === 0 ? [] : [{ origin: `${file}: sh block ${i + 1}`, code, promised }]
  })
}

/** What the links of a document lead to. */
export function linksOf(file: string): string[] {
  return [...readDocument(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** Links of a document that lead nowhere: no such file, or no such heading in it. Those of the web are not looked at. */
export function deadLinks(file: string): string[] {
  return linksOf(file).filter((target) => {
    if (/^https?:/.test(target)) return false
    const [path = '', heading] = target.split('#')
    const to = path === '' ? file : normalize(join(dirname(file), path))
    if (!existsSync(join(ROOT, to))) return true
    return heading !== undefined && !anchorsOf(to).includes(heading)
  })
}

/** The anchors of a document's headings, as GitHub and npm make them. */
function anchorsOf(file: string): string[] {
  return [...readDocument(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
