// The boot section: what init does once, in the order of the plan.

import { join } from 'node:path'
import { capabilityMask } from '../capabilities.js'
import { isLandlock } from '../landlock/plan.js'
import type { BootStep, MountSource } from '../plan-types.js'
import { attributeBits, treeFlags } from './host.js'
import { landlockRecord, landlockSubject } from './landlock.js'
import { BOOT, RECORD_FLAG, ROOT, SWITCH, WIRE_NO_TREE } from './wire.js'
import { type Section, type Subject, Writer } from './writer.js'

/** What an error at this step is about. */
function subjectOf(step: BootStep): Subject {
  if (isLandlock(step)) return landlockSubject(step)
  if (step.op === 'bind') return { path: step.target, source: step.source.path }
  if ('source' in step) return { path: step.source.path }
  if (step.op === 'symlink') return { path: step.path }
  if ('target' in step) return { path: step.target }
  if ('path' in step) return { path: step.path }
  return step.op === 'chroot' ? { path: step.directory } : {}
}

const PLAIN = {
  loopback: BOOT.BOOT_LOOPBACK,
  private: BOOT.BOOT_PRIVATE,
  seal: BOOT.BOOT_SEAL,
  'no-pid-namespace': BOOT.BOOT_NO_PID_NAMESPACE,
} as const
const ROOT_KIND = { overlay: ROOT.WIRE_ROOT_OVERLAY, tree: ROOT.WIRE_ROOT_TREE, empty: ROOT.WIRE_ROOT_EMPTY } as const
const SWITCH_KIND = { pivot_root: SWITCH.WIRE_PIVOT_ROOT, switch_root: SWITCH.WIRE_SWITCH_ROOT } as const

const LANDLOCK = {
  landlock: BOOT.BOOT_LANDLOCK,
  'landlock-path': BOOT.BOOT_LANDLOCK_PATH,
  'landlock-port': BOOT.BOOT_LANDLOCK_PORT,
} as const

class BootWriter {
  readonly writer = new Writer(4096)
  #trees = 0
  // What overlayfs is about in errors: its layers have been mounted by then, and were found.
  #upper: Subject = {}

  #source(source: MountSource): Writer {
    const tree = source.lent ? this.#trees++ : WIRE_NO_TREE
    const path = source.lent ? '' : source.path
    return this.writer.u32(tree).string(path).u32(treeFlags(source)).u32(attributeBits(source))
  }

  #begin(op: number, step: BootStep, optional = false): Writer {
    return this.writer.begin(op, subjectOf(step), optional ? RECORD_FLAG.WIRE_OPTIONAL : 0)
  }

  #root(step: Extract<BootStep, { op: 'root' }>): Writer {
    const subject = step.kind === 'overlay' ? this.#upper : subjectOf(step)
    this.writer.begin(BOOT.BOOT_ROOT, subject).u32(ROOT_KIND[step.kind])
    return step.kind === 'tree' ? this.#source(step.source) : this.writer.u32(0).string('').u32(0).u32(0)
  }

  #mount(step: Extract<BootStep, { op: 'layer' | 'upper' | 'bind' }>): Writer {
    switch (step.op) {
      case 'layer':
        this.#begin(BOOT.BOOT_LAYER, step)
        return this.#source(step.source)
      case 'upper':
        this.#upper = { path: join(step.source.path, step.upper) }
        this.#begin(BOOT.BOOT_UPPER, step)
        return this.#source(step.source).string(step.upper).string(step.work)
      case 'bind':
        this.#begin(BOOT.BOOT_BIND, step, step.source.optional)
        return this.#source(step.source).string(step.target)
    }
  }

  /** Opens the step's record; it is closed by the caller. */
  step(step: BootStep): Writer {
    switch (step.op) {
      case 'identity':
        return this.#begin(BOOT.BOOT_IDENTITY, step).u32(step.uid).u32(step.gid)
      case 'shield':
        return this.#begin(BOOT.BOOT_SHIELD, step).u32(step.uid)
      case 'hostname':
        return this.#begin(BOOT.BOOT_HOSTNAME, step).string(step.name)
      case 'stage':
        return this.#begin(BOOT.BOOT_STAGE, step).u64(step.sizeBytes).u32(step.inodes).string(step.at)
      case 'scratch':
        this.#begin(BOOT.BOOT_SCRATCH, step).u32(step.mode)
        return this.writer.u32(attributeBits(step)).string(step.target)
      case 'root':
        return this.#root(step)
      case 'layer':
      case 'upper':
      case 'bind':
        return this.#mount(step)
      case 'directory':
        return this.#begin(BOOT.BOOT_DIRECTORY, step).u32(step.mode).string(step.target)
      case 'proc':
        return this.#begin(BOOT.BOOT_PROC, step).string(step.target)
      case 'mqueue':
        return this.#begin(BOOT.BOOT_MQUEUE, step).string(step.target)
      case 'tmpfs':
        this.#begin(BOOT.BOOT_TMPFS, step).u64(step.sizeBytes).u32(step.inodes).u32(step.mode)
        return this.writer.u32(attributeBits(step)).string(step.target)
      case 'devpts':
        return this.#begin(BOOT.BOOT_DEVPTS, step).string(step.target).string(step.options)
      case 'file':
        return this.#begin(BOOT.BOOT_FILE, step).u32(step.mode).string(step.target).bytes(step.content)
      case 'symlink':
        return this.#begin(BOOT.BOOT_SYMLINK, step).string(step.target).string(step.path)
      case 'mask':
        return this.#begin(BOOT.BOOT_MASK, step, step.optional).string(step.path)
      case 'readonly':
        return this.#begin(BOOT.BOOT_READONLY, step, step.optional).string(step.path)
      case 'place':
        return this.#begin(BOOT.BOOT_PLACE, step).string(step.target)
      case 'switch':
        return this.#begin(BOOT.BOOT_SWITCH, step).u32(SWITCH_KIND[step.kind])
      case 'capabilities': {
        const [low, high] = capabilityMask(step.kept)
        return this.#begin(BOOT.BOOT_CAPABILITIES, step).u32(low).u32(high)
      }
      case 'landlock':
      case 'landlock-path':
      case 'landlock-port':
        return landlockRecord(this.#begin(LANDLOCK[step.op], step), step)
      case 'chroot':
        return this.#begin(BOOT.BOOT_CHROOT, step).string(step.directory)
      default:
        return this.#begin(PLAIN[step.op], step)
    }
  }
}

/** The boot section, and how many bytes of it can be carried out ahead. */
export interface BootSection extends Section {
  readonly aheadSize: number
}

/** The boot section of a plan, of which the first `ahead` steps can be carried out before anybody has asked for it. */
export function encodeBoot(boot: readonly BootStep[], ahead: number): BootSection {
  const steps = new BootWriter()
  for (const step of boot.slice(0, ahead)) steps.step(step).end()
  const aheadSize = steps.writer.length
  for (const step of boot.slice(ahead)) steps.step(step).end()
  return { bytes: steps.writer.finish(), subjects: steps.writer.subjects, aheadSize }
}
