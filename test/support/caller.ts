// A caller without any privilege: a Node process of another user, whatever user the tests run as.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { probeRootfs } from './boxes.js'
import { type NodeOptions, runNode } from './child.js'
import type { Need } from './host.js'
import { type Suite, suite } from './suite.js'

const PACKAGE = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const IS_ROOT = process.getuid?.() === 0

/** The caller's user and group id. */
export const CALLER = IS_ROOT ? 12_345 : (process.getuid?.() ?? 0)

const AS_CALLER = IS_ROOT ? { uid: CALLER, gid: CALLER } : {}

/** The caller must be able to read the checkout, run Node and make user namespaces. */
export const unprivilegedCaller: Need = () => {
  const check = `require('fs').readFileSync(${JSON.stringify(PACKAGE)})`
  if (spawnSync(process.execPath, ['-e', check], AS_CALLER).status !== 0)
    return 'needs a checkout and a Node that every user can read'
  if (spawnSync('unshare', ['--user', 'true'], AS_CALLER).status !== 0) return 'needs user namespaces for every user'
  return undefined
}

/** A suite in which every test needs such a caller. */
export function callerSuite(subject: string): Suite {
  const all = suite(subject, { warmUp: true })
  const test: Suite = (name, body, options = {}) =>
    all(name, body, { ...options, needs: [unprivilegedCaller, ...[options.needs ?? []].flat()] })
  test.run = all.run
  return test
}

/** What `refusal()` gives back. */
export interface Refusal {
  name: string
  feature?: string
  hint?: string
  step?: string
  code?: string
  message?: string
}

const PRELUDE = `
import { SandboxSetupError, SandboxUnsupportedError, sandbox } from 'cofferdam'
const [, rootfs, ...args] = process.argv
const box = () => sandbox().rootfs(rootfs)
const ask = async (recipe, ...commands) => {
  const result = await recipe.run('/probe', commands.flatMap((c, i) => [...(i ? [','] : []), ...c.split(' ')]))
  if (!result.ok) throw new Error(result.explain() + ' ' + result.stderr)
  return result.stdout.trim().split('\\n').map((line) => /^[[{]/.test(line) ? JSON.parse(line) : line)
}
const refusal = (promise) => promise.then(
  () => ({ name: 'none' }),
  ({ name, feature, hint, step, code, message }) => ({ name, feature, hint, step, code, message }))
const answer = await (async () => {`

/**
 * Runs the body of a function, with its arguments as `args`, and gives its answer back. In it are `sandbox`, `box()`
 * with the probe's rootfs, `ask(recipe, ...commands)` as in ask.ts, and `refusal(promise)`: the error as plain data.
 */
export function asCaller<Answer>(body: string, ...args: string[]): Promise<Answer> {
  return callerAnswer(body, { ...AS_CALLER, args })
}

/** The same with other options for its Node; whoever it then is. */
export async function callerAnswer<Answer>(body: string, options: NodeOptions): Promise<Answer> {
  const source = `${PRELUDE}\n${body}\n})()\nprocess.stdout.write(JSON.stringify(answer))`
  const { code, stdout, stderr } = await runNode(source, { ...options, args: [probeRootfs, ...(options.args ?? [])] })
  if (code !== 0 || stderr !== '') throw new Error(`The caller ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}
