// The kernel's rights by name: include/uapi/linux/landlock.h, and the version of Landlock that brought each.

/** LANDLOCK_ACCESS_FS_*, in bit order. */
export const FILE_RIGHTS = [
  'execute',
  'write_file',
  'read_file',
  'read_dir',
  'remove_dir',
  'remove_file',
  'make_char',
  'make_dir',
  'make_reg',
  'make_sock',
  'make_fifo',
  'make_block',
  'make_sym',
  'refer',
  'truncate',
  'ioctl_dev',
] as const

/** LANDLOCK_ACCESS_NET_*, in bit order. */
export const NETWORK_RIGHTS = ['bind_tcp', 'connect_tcp'] as const

/** LANDLOCK_SCOPE_*, in bit order. */
export const SCOPES = ['abstract_unix_socket', 'signal'] as const

/** A right to files, by its kernel name in lower case without `LANDLOCK_ACCESS_FS_` (landlock(7)). */
export type LandlockFileRight = (typeof FILE_RIGHTS)[number]
/** A right to TCP ports, by its kernel name in lower case without `LANDLOCK_ACCESS_NET_`. */
export type LandlockNetworkRight = (typeof NETWORK_RIGHTS)[number]
/** What a command can be kept from outside of its own processes, by its kernel name without `LANDLOCK_SCOPE_`. */
export type LandlockScope = (typeof SCOPES)[number]

/** The bits of names. */
export function bits<Name extends string>(all: readonly Name[], names: readonly Name[]): number {
  return names.reduce((mask, name) => mask | (1 << all.indexOf(name)), 0)
}

/** The Linux release that brought a version of Landlock's ABI; the index is the version. */
export const RELEASES = ['', '5.13', '5.19', '6.2', '6.7', '6.10', '6.12'] as const
