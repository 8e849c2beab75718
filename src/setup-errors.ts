// From a failed step to an error that says what to do: the step, its record's path, the errno, and known causes.

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { Subject } from './encode/writer.js'
import { SandboxSetupError, SandboxUnsupportedError } from './errors.js'
import type { Refusal } from './host/causes.js'
import { type HostConditions, readConditions } from './host/conditions.js'
import { explainRefusal, mayBeRefusal } from './host/refusals.js'
import { explainUpper } from './host/upper.js'
import { hintFor, MAP_WRITERS } from './setup-hints.js'
import type { SandboxStep } from './steps.js'

/** A failed step as the native side reports it. */
export interface Failure {
  readonly step: SandboxStep
  readonly index: number
  readonly errno: number
  readonly subject: Subject | undefined
  /** Whether the recipe has Landlock rules. */
  readonly landlock?: boolean | undefined
  /** The recipe's persistent upper layer. */
  readonly upper?: string | undefined
  /** What a program said that failed for us. */
  readonly said?: string | undefined
}

// libuv's table has only the errors that libuv itself meets: ENOEXEC is not among them.
function describeErrno(errno: number): readonly [code: string, description: string] {
  const known = getSystemErrorMap().get(-errno)
  if (known) return known
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0]
  return [name ?? `E${errno}`, name === 'ENOEXEC' ? 'exec format error' : `errno ${errno}`]
}

function refusalOf(
  { step, upper, subject }: Failure,
  code: string,
  conditions: () => HostConditions,
): Refusal | undefined {
  const overlay = step === 'overlay' && (code === 'EINVAL' || code === 'EROFS')
  if (upper !== undefined && overlay) return explainUpper(upper, code)
  const refused = { step, code, path: subject?.path }
  return mayBeRefusal(refused) ? explainRefusal(refused, conditions()) : undefined
}

const EXEC_UNDER_LANDLOCK =
  "Either the file is not executable for the sandbox's user, or landlock() does not let it be executed: it, its interpreter " +
  'and its dynamic linker have to be at or below a path of `execute`, or of `read` when there is no `execute`.'

/**
 * The error of a failed step; a cgroup file that the kernel lacks is a missing feature rather. Where the host may have
 * refused the step, it is looked at for the cause.
 */
export function setupError(
  failure: Failure,
  conditions: () => HostConditions = readConditions,
): SandboxSetupError | SandboxUnsupportedError {
  const { step, index, errno, subject, said } = failure
  const [code, description] = describeErrno(errno)
  const feature = subject?.feature
  if (step === 'cgroup-limit' && code === 'ENOENT' && feature !== undefined) {
    return new SandboxUnsupportedError(
      feature,
      `the kernel has no ${subject?.path} in its cgroups.`,
      'Leave the option out, or use a kernel that has it.',
    )
  }
  if (step === 'id-map' && said !== undefined) {
    return new SandboxSetupError({
      step,
      index,
      path: undefined,
      about: said,
      errno,
      code,
      description,
      hint: MAP_WRITERS,
    })
  }
  const refusal = refusalOf(failure, code, conditions)
  const hint =
    step === 'exec' && code === 'EACCES' && failure.landlock && feature !== 'cwd'
      ? EXEC_UNDER_LANDLOCK
      : feature === 'cwd'
        ? 'The working directory has to exist in the sandbox, inside its root, and its user has to be able to enter it.'
        : refusal
          ? `${refusal.cause} ${refusal.remedy}`
          : hintFor(step, code)
  const path = (step === 'bind-source' ? subject?.source : undefined) ?? subject?.path
  // A cgroup file says little without the option that it is written for.
  const about = step === 'cgroup-limit' && feature !== undefined ? `${feature} (${path})` : (path ?? feature)
  return new SandboxSetupError({ step, index, path, about, errno, code, description, hint })
}
