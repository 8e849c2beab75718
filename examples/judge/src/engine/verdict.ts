// Verdicts, and how one is read from what a sandbox says.
//
// The sandbox's `outcome` names the limit that ended the program, so nothing is guessed from signals, exit codes or error
// texts. What a program survived counts where it decides: one whose child was killed for memory has gone over the memory
// limit, whatever it printed afterwards. A rejected run is never read here: it is the judge's own fault (SE).
import type { SandboxResult } from 'cofferdam'

/** In the order in which the confusion table shows them. */
export const VERDICTS = ['AC', 'WA', 'PE', 'TLE', 'MLE', 'OLE', 'RE', 'CE', 'SE'] as const

/**
 * Accepted, wrong answer, presentation error, time limit, memory limit, output limit, run-time error, compile error; and
 * system error: the judge's or the problem setter's fault, never the contestant's.
 */
export type Verdict = (typeof VERDICTS)[number]

/** A verdict on a run whose answer has not been looked at, with one sentence; `undefined` when it ended as it should. */
export interface Failure {
  verdict: Exclude<Verdict, 'AC' | 'WA' | 'PE' | 'CE'>
  explanation: string
}

/**
 * What a program did wrong while it ran, or `undefined` when it exited with 0 within its limits.
 *
 * @param cpuLimitMs the problem's own limit. The sandbox ends programs somewhat later, so that those just over it can be
 *   told from those far over it
 * @param memoryExitCodes exit codes by which the language's runtime says that it is out of memory
 */
export function failureOf(
  result: SandboxResult,
  cpuLimitMs: number,
  memoryExitCodes: readonly number[] = [],
): Failure | undefined {
  const explanation = result.explain()
  switch (result.outcome) {
    case 'cpu-time-limit':
      return { verdict: 'TLE', explanation: `It used more than its ${cpuLimitMs} ms of CPU time, and was ended.` }
    case 'wall-time-limit':
      return { verdict: 'TLE', explanation }
    case 'memory-limit':
      return { verdict: 'MLE', explanation }
    case 'output-limit':
      return { verdict: 'OLE', explanation }
    case 'pids-limit':
    case 'seccomp-violation':
      return { verdict: 'RE', explanation }
    case 'aborted':
      throw new Error('A run that was aborted has no verdict.')
  }
  if (result.limitsExceeded.includes('memory')) {
    return { verdict: 'MLE', explanation: 'A process of it was killed for going over the memory limit.' }
  }
  if (result.limitsExceeded.includes('fileSize')) return { verdict: 'OLE', explanation }
  if (result.outcome === 'exited' && memoryExitCodes.includes(result.exitCode)) {
    return { verdict: 'MLE', explanation: 'Its runtime ran out of memory.' }
  }
  if (!result.ok) return { verdict: 'RE', explanation }
  if (result.usage.cpuTimeMs > cpuLimitMs) {
    const used = Math.ceil(result.usage.cpuTimeMs)
    return { verdict: 'TLE', explanation: `It used ${used} ms of CPU time, and may use ${cpuLimitMs} ms.` }
  }
  return undefined
}
