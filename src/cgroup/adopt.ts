// Moving a process of the host into a live sandbox's groups.

import { writeFile } from 'node:fs/promises'
import { endedError, SandboxError, SandboxUnsupportedError } from '../errors.js'
import { checkInteger, invalid } from '../validate.js'
import type { Leaf } from './control.js'

// Linux: PID_MAX_LIMIT.
const MAX_PID = 4194304

const REASONS: Record<string, readonly [reason: string, hint: string]> = {
  ESRCH: [
    'there is no such process, or it has ended',
    'Take the number that it has in the pid namespace of this program.',
  ],
  EACCES: [
    'this program may not move processes out of the group that it is in',
    'Be root, or own cgroup.procs of that group, of the sandbox’s and of the one that they have in common.',
  ],
  EINVAL: ['it is a thread of the kernel', 'Only processes of programs can be moved.'],
  EBUSY: ['a group of the sandbox takes no processes', 'Do not enable controllers below it from outside.'],
}

/** A process number that can be given to {@link adopt}. */
export function checkAdoptable(pid: unknown): number {
  const number = checkInteger('adopt()', pid, 1, MAX_PID)
  if (number === process.pid)
    throw invalid(RangeError, 'adopt()', 'a process other than this one', pid, 'It would end with the sandbox.')
  return number
}

/**
 * Moves a process, with all its threads, into each leaf (`cgroup.procs`): the kernel looks it up anew for each, so a
 * process that ends in between is an `ESRCH`, which leaves nothing behind.
 */
export async function adopt(leaves: readonly Leaf[], pid: number): Promise<void> {
  // What is left in a leaf at the end is killed by cgroup.kill (5.14); v1 has nothing of the kind.
  if (!leaves.some(({ hierarchy }) => hierarchy.version === 2)) {
    throw new SandboxUnsupportedError(
      'adopt()',
      'it needs a cgroup v2 hierarchy.',
      'Mount cgroup2 and give this user a group in it.',
    )
  }
  try {
    for (const { path } of leaves) await writeFile(`${path}/cgroup.procs`, String(pid))
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV') throw endedError('adopt()')
    const [reason, hint] = REASONS[code === 'EPERM' ? 'EACCES' : code] ?? [code, undefined]
    throw new SandboxError('ERR_SANDBOX_ADOPT', `Process ${pid} could not be moved into the sandbox: ${reason}.`, {
      code,
      cause: error,
      ...(hint !== undefined && { hint }),
    })
  }
}
