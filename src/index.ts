// The package's exports, and nothing else.

export { Box } from './box.js'
export type { CapabilityName } from './capabilities.js'
export { type CgroupDelegation, type DelegateCgroupOptions, delegateCgroup } from './cgroup/delegate.js'
export {
  SandboxError,
  type SandboxErrorCode,
  SandboxExecutionError,
  SandboxSetupError,
  SandboxUnsupportedError,
} from './errors.js'
export type { ContainerKind } from './host/container.js'
export type {
  CapabilityGroup,
  CgroupLayout,
  CheckHostOptions,
  HostCapability,
  HostReport,
  StartVerdict,
} from './host/report-types.js'
export { checkHost } from './host.js'
export type { LandlockFileRight, LandlockNetworkRight, LandlockScope } from './landlock/rights.js'
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
  PlanSeccomp,
  SandboxPlan,
  Unsupported,
} from './plan-types.js'
export { SandboxPool } from './pool.js'
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
  SeccompViolationResult,
  SignaledResult,
} from './result-types.js'
export { Sandbox, sandbox } from './sandbox.js'
export type { Architecture } from './seccomp/tables.js'
export type {
  SeccompAction,
  SeccompArgument,
  SeccompEntry,
  SeccompProfile,
  SeccompSelector,
} from './seccomp/types.js'
export type { SandboxStep } from './steps.js'
export type { IdRange, MapWriters } from './subordinate-ids.js'
export { TerminalProcess } from './terminal.js'
export type {
  SpawnErrorMessage,
  SpawnExitMessage,
  SpawnMessage,
  SpawnReadyMessage,
  SpawnStartMessage,
  SpawnTimings,
} from './trace-types.js'
export type {
  BindOptions,
  ClockOffsets,
  Duration,
  Figure,
  FileOptions,
  IoLimit,
  JobControl,
  LandlockRules,
  Limits,
  LiveLimits,
  NamespaceName,
  OpenOptions,
  PoolPtySpawnOptions,
  PoolRunOptions,
  PoolSpawnOptions,
  Priority,
  PtySize,
  PtySpawnOptions,
  RootfsOptions,
  RunOptions,
  SandboxPoolOptions,
  Size,
  SpawnOptions,
  StdioFile,
  StdioOption,
  SubordinateIdsOptions,
  TmpfsOptions,
  Unlimited,
} from './types.js'
