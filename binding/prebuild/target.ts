// The platforms that addons are prebuilt for, and the tools that build for each.

export interface Target {
  /** As Node names them: the directory's name. */
  readonly name: string
  readonly arch: 'x64' | 'arm64'
  /** What `readelf -h` calls the processor. */
  readonly machine: string
  /** The prefix of its tools on another platform, as Debian names its cross compilers. */
  readonly triplet: string
}

export const TARGETS: readonly Target[] = [
  { name: 'linux-x64', arch: 'x64', machine: 'Advanced Micro Devices X86-64', triplet: 'x86_64-linux-gnu' },
  { name: 'linux-arm64', arch: 'arm64', machine: 'AArch64', triplet: 'aarch64-linux-gnu' },
]

/** The newest glibc that a prebuilt addon may need: that of RHEL 8 and Debian 10, which Node itself asks for. */
export const GLIBC: readonly [number, number] = [2, 28]
/** All that a prebuilt addon may take of a package's size. */
export const MAX_BYTES = 300 * 1024

/** A compiler's or a binutils program's name for the target. Debian has the prefixed ones for its own platform, too. */
export function tool(target: Target, name: string): string {
  return target.arch === process.arch ? name : `${target.triplet}-${name}`
}
