// limits().io: which disk a device, a number pair or a path means, and what it may do per second.

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import type { IoLimitRecipe } from '../recipe.js'
import { parseBytes } from '../units.js'
import { checkInteger, checkKeys, checkText, invalid } from '../validate.js'

const KEYS = ['device', 'readBps', 'writeBps', 'readIops', 'writeIops'] as const

// makedev(3): 12 bits of major from bit 8, its rest from bit 32; 8 bits of minor from bit 0, its rest from bit 12.
function numbers(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn)
  return `${major}:${minor}`
}

// blk-cgroup takes whole disks only: a partition gives ENODEV.
function wholeDisk(device: string): string {
  const sys = `/sys/dev/block/${device}`
  if (!existsSync(`${sys}/partition`)) return device
  return readFileSync(`${realpathSync(sys)}/../dev`, 'utf8').trim()
}

function resolveDevice(option: string, value: unknown): string {
  const text = checkText(option, value)
  if (/^\d+:\d+$/.test(text)) return wholeDisk(text)
  const expected = "a disk as '8:0' or '/dev/sda', or a path on one"
  if (!text.includes('/')) throw invalid(TypeError, option, expected, value)
  let device: string
  try {
    const stat = statSync(text, { bigint: true })
    device = numbers(stat.isBlockDevice() ? stat.rdev : stat.dev)
  } catch (error) {
    throw invalid(TypeError, option, expected, value, `${text}: ${(error as NodeJS.ErrnoException).code}.`)
  }
  // Major 0 is an anonymous device: overlay, tmpfs, btrfs, a network file system.
  if (device.startsWith('0:')) {
    throw invalid(
      TypeError,
      option,
      expected,
      value,
      'Its file system is not directly on a disk; name the disk itself.',
    )
  }
  return wholeDisk(device)
}

function parseOne(option: string, value: unknown): IoLimitRecipe {
  const given = checkKeys(option, value, KEYS)
  const limit: Record<string, number | string> = { device: resolveDevice(`${option}.device`, given.device) }
  for (const key of ['readBps', 'writeBps']) {
    if (given[key] !== undefined) limit[key] = parseBytes(`${option}.${key}`, given[key], 1)
  }
  for (const key of ['readIops', 'writeIops']) {
    if (given[key] !== undefined) limit[key] = checkInteger(`${option}.${key}`, given[key], 1, 0xfffffffe)
  }
  if (Object.keys(limit).length === 1)
    throw invalid(TypeError, option, `at least one of ${KEYS.slice(1).join(', ')}`, value)
  return Object.freeze(limit) as unknown as IoLimitRecipe
}

/** One device's limits, or a list of them. */
export function parseIoLimits(option: string, value: unknown): readonly IoLimitRecipe[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return Object.freeze(list.map((entry, i) => parseOne(Array.isArray(value) ? `${option}[${i}]` : option, entry)))
}
