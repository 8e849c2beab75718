// The package's exports, and nothing else.

export type { CapabilityName } from './capabilities.js'
export {
  SandboxError,
  type SandboxErrorCode,
  SandboxExecutionError,
  SandboxSetupError,
  SandboxUnsupportedError,
} from './errors.js'
export type {
  BootStep,
  CgroupStat,
  CgroupWrite,
  IdMapLine,
  MountAttribute,
  MountSource,
  PlanCommand,
  PlanHierarchy,
  PlanIdentity,
  PlanRlimit,
  SandboxPlan,
  Unsupported,
} from './plan-types.js'
export { type SandboxCgroup, SandboxProcess, type SandboxStats } from './process.js'
export type {
  EndedResult,
  ExitedResult,
  LimitName,
  RunResult,
  SandboxOutcome,
  SandboxResult,
  SandboxResultBase,
  SandboxUsage,
  SignaledResult,
} from './result-types.js'
export { Sandbox, sandbox } from './sandbox.js'
export type { SandboxStep } from './steps.js'
export type { IdRange, MapWriters } from './subordinate-ids.js'
export type {
  BindOptions,
  ClockOffsets,
  Duration,
  Figure,
  FileOptions,
  IoLimit,
  Limits,
  LiveLimits,
  NamespaceName,
  Priority,
  RootfsOptions,
  RunOptions,
  Size,
  SpawnOptions,
  StdioFile,
  StdioOption,
  SubordinateIdsOptions,
  TmpfsOptions,
  Unlimited,
} from './types.js'
