// The results of go-judge's API.
import { constants } from 'node:os'
import type { SandboxResult } from 'cofferdam'

export type Status =
  | 'Accepted'
  | 'Memory Limit Exceeded'
  | 'Time Limit Exceeded'
  | 'Output Limit Exceeded'
  | 'File Error'
  | 'Nonzero Exit Status'
  | 'Signalled'
  | 'Dangerous Syscall'
  | 'Internal Error'

export type FileErrorType = 'CopyOutOpen' | 'CopyOutNotRegularFile' | 'CopyOutSizeExceeded' | 'CollectSizeExceeded'

export interface FileError {
  name: string
  type: FileErrorType
  message?: string
}

export interface Result {
  status: Status
  /** The signal when one ended it. */
  exitStatus: number
  error?: string
  /** Nanoseconds. */
  time: number
  /** Bytes. */
  memory: number
  /** Nanoseconds. */
  runTime: number
  procPeak?: number
  files?: Record<string, string>
  fileIds?: Record<string, string>
  fileError?: FileError[]
}

/** Everything but the files. */
export function resultOf(result: SandboxResult, cpuTimeMs: number): Result {
  const { usage, exitCode, signal } = result
  const number = signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0)
  return {
    status: statusOf(result, cpuTimeMs),
    exitStatus: number || (exitCode ?? 0),
    ...(result.outcome === 'seccomp-violation' ? { error: result.explain() } : {}),
    time: Math.round(usage.cpuTimeMs * 1e6),
    memory: usage.memoryPeakBytes,
    runTime: Math.round(usage.wallTimeMs * 1e6),
    ...(usage.pidsPeak === undefined ? {} : { procPeak: usage.pidsPeak }),
  }
}

/** What could not be run at all. */
export function internalError(error: unknown): Result {
  const message = error instanceof Error ? error.message : String(error)
  return { status: 'Internal Error', exitStatus: 0, error: message, time: 0, memory: 0, runTime: 0 }
}

function statusOf(result: SandboxResult, cpuTimeMs: number): Status {
  switch (result.outcome) {
    case 'cpu-time-limit':
    case 'wall-time-limit':
      return 'Time Limit Exceeded'
    case 'memory-limit':
      return 'Memory Limit Exceeded'
    case 'output-limit':
      return 'Output Limit Exceeded'
    case 'seccomp-violation':
      return 'Dangerous Syscall'
    case 'aborted':
      return 'Internal Error'
  }
  if (result.limitsExceeded.includes('memory')) return 'Memory Limit Exceeded'
  if (result.limitsExceeded.includes('fileSize')) return 'Output Limit Exceeded'
  if (result.usage.cpuTimeMs > cpuTimeMs) return 'Time Limit Exceeded'
  if (result.signal !== undefined) return 'Signalled'
  return result.exitCode === 0 ? 'Accepted' : 'Nonzero Exit Status'
}
