// What a probe is, and the two ways in which most of them ask: a call of the addon, and a sandbox.

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { nativeBinding } from '../binding.js'
import { SandboxError, SandboxSetupError, SandboxUnsupportedError } from '../errors.js'
import type { Sandbox } from '../sandbox.js'
import type { SandboxStep } from '../steps.js'
import { type HostConditions, readConditions } from './conditions.js'
import { explainRefusal } from './refusals.js'
import type { HostCapability } from './report-types.js'

/** What trying has shown. */
export type Finding = Pick<HostCapability, 'works'> &
  Partial<Pick<HostCapability, 'detail' | 'code' | 'step' | 'remedy'>>

/** A capability before it has been tried. */
export interface Probe extends Pick<HostCapability, 'name' | 'group' | 'title' | 'required' | 'how' | 'cost'> {
  /** What to do when the cause is not known. */
  readonly remedy?: string
  /**
   * Tries it, in the process made for this. An error means that it could not be tried. `scratch` is a directory for
   * temporary files, or `undefined` when none could be made.
   */
  attempt(scratch: string | undefined): Promise<Finding> | Finding
}

/** How long one sandbox may take. */
const SANDBOX_TIMEOUT_MS = 5000

/** It works. */
export function works(detail?: string): Finding {
  return { works: true, detail }
}

function errnoName(errno: number): string {
  const named = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0]
  return getSystemErrorMap().get(-errno)?.[0] ?? named ?? `E${errno}`
}

// The step of a sandbox that would have failed by the same call, for the explanation.
const STEP_OF_CALL: Readonly<Record<string, SandboxStep>> = {
  clone3: 'clone',
  unshare: 'clone',
  setgroups: 'id-map',
  gid_map: 'id-map',
  uid_map: 'id-map',
  mount: 'private-mounts',
  'mount proc': 'proc',
  memfd_create: 'init-image',
  execveat: 'exec-init',
  open_tree: 'layer',
  mount_setattr: 'layer',
}

// What the addon says instead of a call's name.
const NO_CALL: Readonly<Record<string, string>> = {
  late: 'What tried it did not end.',
  killed: 'What tried it was killed: a seccomp filter around this process may do that.',
}

let cached: HostConditions | undefined

function conditions(): HostConditions {
  cached ??= readConditions()
  return cached
}

/** Asks a probe of the addon (binding/host_probe.cc). */
export function askKernel(name: string, describe?: (value: number) => string): Finding {
  const { errno, value, at } = nativeBinding().probe(name)
  if (errno === 0) return works(describe?.(value))
  const code = errnoName(errno)
  const step = STEP_OF_CALL[at]
  const refusal = step === undefined ? undefined : explainRefusal({ step, code }, conditions())
  const call = NO_CALL[at] ?? `The call ${at} failed with ${code}.`
  const detail = refusal ? `${call} ${refusal.cause}` : call
  return { works: false, code, detail, remedy: refusal?.remedy }
}

/** An error of a sandbox as a finding; `own` are the steps that fail for want of this capability. */
export function refused(error: unknown, own?: readonly SandboxStep[]): Finding {
  if (error instanceof SandboxUnsupportedError) {
    const reason = error.message.replace(/^This host does not support [^:]*: /, '')
    return { works: false, detail: withoutHint(reason, error.hint), remedy: error.hint }
  }
  if (error instanceof SandboxSetupError) {
    const { step, code, hint } = error
    // Everything was set up, and then there was no such program: on hosts without /bin/true.
    if (step === 'exec' && code === 'ENOENT') return works()
    const mine = own === undefined || own.includes(step)
    const refusal = explainRefusal({ step, code }, conditions())
    const cause = refusal ? ` ${refusal.cause}` : ''
    const detail = `${mine ? '' : 'It could not be tried: '}step '${step}' failed with ${code}.${cause}`
    return { works: mine ? false : undefined, code, step, detail, remedy: refusal?.remedy ?? hint }
  }
  const { message = String(error) } = error as Partial<Error>
  const hint = error instanceof SandboxError ? error.hint : undefined
  return { works: undefined, detail: `It could not be tried: ${withoutHint(message, hint)}`, remedy: hint }
}

/** An error's message without the hint at its end. */
export function withoutHint(message: string, hint: string | undefined): string {
  return hint !== undefined && message.endsWith(hint) ? message.slice(0, -hint.length).trimEnd() : message
}

/** Rejects when a promise takes too long: a probe may hang in the kernel. */
export async function bounded<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${timeoutMs} ms.`)), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Starts a sandbox with this recipe and sees whether it is set up. */
export async function askSandbox(recipe: Sandbox, own?: readonly SandboxStep[]): Promise<Finding> {
  try {
    const signal = AbortSignal.timeout(SANDBOX_TIMEOUT_MS)
    await bounded(recipe.run('true', [], { signal }), SANDBOX_TIMEOUT_MS + 1000)
    return works()
  } catch (error) {
    return refused(error, own)
  }
}
