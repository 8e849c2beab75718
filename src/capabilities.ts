// The kernel's capabilities by name: include/uapi/linux/capability.h, in bit order.

import { didYouMean, invalid } from './validate.js'

/** Every capability up to Linux 5.9's `CAP_CHECKPOINT_RESTORE`; the index is the bit. */
export const CAPABILITIES = [
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'linux_immutable',
  'net_bind_service',
  'net_broadcast',
  'net_admin',
  'net_raw',
  'ipc_lock',
  'ipc_owner',
  'sys_module',
  'sys_rawio',
  'sys_chroot',
  'sys_ptrace',
  'sys_pacct',
  'sys_admin',
  'sys_boot',
  'sys_nice',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'mknod',
  'lease',
  'audit_write',
  'audit_control',
  'setfcap',
  'mac_override',
  'mac_admin',
  'syslog',
  'wake_alarm',
  'block_suspend',
  'audit_read',
  'perfmon',
  'bpf',
  'checkpoint_restore',
] as const

/** A capability by its kernel name in lower case, without `CAP_` (`capabilities(7)`). */
export type CapabilityName = (typeof CAPABILITIES)[number]

/** Names as people write them (`'CAP_NET_RAW'`, `'net_raw'`) to names in bit order, each once. */
export function parseCapabilities(names: readonly unknown[]): CapabilityName[] {
  const kept = new Set<string>()
  for (const name of names) {
    if (typeof name !== 'string') throw invalid(TypeError, 'capabilities()', 'names of capabilities', name)
    const plain = name.toLowerCase().replace(/^cap_/, '')
    if (!(CAPABILITIES as readonly string[]).includes(plain)) {
      const remedy = didYouMean(plain, CAPABILITIES) || 'capabilities(7) lists them all.'
      throw invalid(TypeError, 'capabilities()', 'the name of a capability', name, remedy)
    }
    kept.add(plain)
  }
  return CAPABILITIES.filter((name) => kept.has(name))
}

/** The two halves of the 64-bit set, low first. */
export function capabilityMask(names: readonly CapabilityName[]): readonly [low: number, high: number] {
  let low = 0
  let high = 0
  for (const name of names) {
    const bit = CAPABILITIES.indexOf(name)
    if (bit < 32) low |= 1 << bit
    else high |= 1 << (bit - 32)
  }
  return [low >>> 0, high >>> 0]
}
