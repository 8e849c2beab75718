// The public types of seccomp(): Docker's and the OCI's JSON shape, as people have it in files.

/**
 * What happens to a system call.
 *
 * - `SCMP_ACT_ALLOW` it is carried out; `SCMP_ACT_LOG` the same, and the kernel logs it
 * - `SCMP_ACT_ERRNO` it fails with `errnoRet`
 * - `SCMP_ACT_KILL`, `SCMP_ACT_KILL_THREAD`, `SCMP_ACT_KILL_PROCESS` the whole tree is ended: outcome
 *   `'seccomp-violation'`. What is left of a program that lost a thread in the middle of a call is no program any more.
 * - `SCMP_ACT_TRAP` the thread gets `SIGSYS`, which it may handle
 */
export type SeccompAction =
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_TRAP'

/** A comparison of one argument, unsigned and of 64 bits. */
export interface SeccompArgument {
  /** Which argument, 0 to 5; each at most once in a list. */
  index: number
  /** What it is compared with; for `SCMP_CMP_MASKED_EQ` the mask. A `bigint` from 2^53 on. @default 0 */
  value?: number | bigint | undefined
  /** For `SCMP_CMP_MASKED_EQ`: what the masked argument must be. @default 0 */
  valueTwo?: number | bigint | undefined
  /** The comparison: argument `op` value. */
  op:
    | 'SCMP_CMP_NE'
    | 'SCMP_CMP_LT'
    | 'SCMP_CMP_LE'
    | 'SCMP_CMP_EQ'
    | 'SCMP_CMP_GE'
    | 'SCMP_CMP_GT'
    | 'SCMP_CMP_MASKED_EQ'
}

/** Where an entry counts (`includes`: all of it must hold), or does not (`excludes`: any of it is enough). */
export interface SeccompSelector {
  /** Capabilities that the recipe keeps: `'CAP_SYS_ADMIN'`. */
  caps?: readonly string[] | null | undefined
  /** Architectures in Docker's names: `'amd64'`, `'arm64'`. */
  arches?: readonly string[] | null | undefined
  /** The least version of the kernel: `'4.8'`. */
  minKernel?: string | null | undefined
}

/** Calls, and what happens to them. */
export interface SeccompEntry {
  /** Names; one that only another architecture has is skipped. */
  names?: readonly string[] | null | undefined
  /** One name: the older shape. */
  name?: string | null | undefined
  /** What happens to these calls. */
  action: SeccompAction | (string & {})
  /** The error number of `SCMP_ACT_ERRNO`, 0 to 4095; with 0 the call seems to succeed. @default 1 (`EPERM`) */
  errnoRet?: number | null | undefined
  /** The same by name: `'ENOSYS'`. */
  errno?: string | null | undefined
  /** All of them must hold. Without any, the entry is for whatever no other entry's arguments match. */
  args?:
    | readonly (
        | SeccompArgument
        | (Omit<SeccompArgument, 'op'> & {
            /** As text: JSON has no narrower type. */
            op: string
          })
      )[]
    | null
    | undefined
  /** For people; not looked at. */
  comment?: string | null | undefined
  /** Where the entry counts; everywhere without it. */
  includes?: SeccompSelector | null | undefined
  /** Where the entry does not count. */
  excludes?: SeccompSelector | null | undefined
}

/**
 * A profile in the JSON shape of Docker and the OCI runtime specification: a file of theirs can be given as it is.
 *
 * The machine's own architecture is filtered, whatever `architectures` and `archMap` say; calls of its others (i386 and
 * x32 on x86_64, 32-bit ARM on aarch64) are violations. With `SCMP_ACT_ERRNO` as default, calls that are newer than all
 * that the profile names fail with `ENOSYS`, so that libraries fall back.
 *
 * Of several entries for a call the one whose `args` match comes first, of several such ones the most severe; the order
 * of entries does not matter.
 */
export interface SeccompProfile {
  /** What happens to calls that no entry names. */
  defaultAction: SeccompAction | (string & {})
  /** @default 1 (`EPERM`) */
  defaultErrnoRet?: number | null | undefined
  /** The same by name. */
  defaultErrno?: string | null | undefined
  /** As libseccomp names them, `'SCMP_ARCH_X86_64'`: checked, and not needed. */
  architectures?: readonly string[] | null | undefined
  /** The same, each with those that belong to it: checked, and not needed. */
  archMap?:
    | readonly {
        /** One of `architectures`. */
        architecture: string
        /** Those that its kernel also runs programs of. */
        subArchitectures?: readonly string[] | null
      }[]
    | null
    | undefined
  /** The entries. */
  syscalls?: readonly SeccompEntry[] | null | undefined
  /** Only `'SECCOMP_FILTER_FLAG_TSYNC'`, which changes nothing: a new process has one thread. */
  flags?: readonly string[] | null | undefined
  /** Whom to ask, in the OCI's shape: refused, since there is nobody to ask. */
  listenerPath?: string | undefined
  /** Belongs to `listenerPath`. */
  listenerMetadata?: string | undefined
}
