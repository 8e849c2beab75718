// Classic BPF as seccomp(2) takes it: the instructions, an assembler that works from the end, and the bytes.
//
// Jumps go forward only and conditional ones at most 255 instructions far. So a program is put together backwards: what is
// jumped to exists already, and its distance is known. A target that is too far gets a plain jump in between.

/** `struct sock_filter` of `<linux/filter.h>`. */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** `BPF_CLASS | BPF_SIZE | BPF_MODE` and so on, of `<linux/bpf_common.h>`. */
export const CODE = {
  load: 0x20, // LD | W | ABS
  and: 0x54, // ALU | AND | K
  jump: 0x05, // JMP | JA
  equal: 0x15, // JMP | JEQ | K
  greater: 0x25, // JMP | JGT | K
  atLeast: 0x35, // JMP | JGE | K
  return: 0x06, // RET | K
} as const

/** `SECCOMP_RET_*` of `<linux/seccomp.h>`; `errno` carries its number in the low 16 bits. */
export const RETURN = {
  trap: 0x00030000,
  errno: 0x00050000,
  notify: 0x7fc00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const

/** Offsets in `struct seccomp_data`. */
export const DATA = { number: 0, architecture: 4, argument: 16 } as const

/** `BPF_MAXINSNS`: what the kernel takes. */
export const MAX_INSTRUCTIONS = 4096
const MAX_DISTANCE = 255

/** A place in the program, counted from its end. */
export type Label = number

/** Builds a program from its last instruction to its first. */
export class Assembler {
  readonly #reversed: Instruction[] = []
  readonly #returns = new Map<number, Label>()
  readonly #loads = new Map<Label, { readonly offset: number; readonly next: Label }>()

  get length(): number {
    return this.#reversed.length
  }

  #push(code: number, k: number, jt = 0, jf = 0): Label {
    return this.#reversed.push({ code, jt, jf, k: k >>> 0 })
  }

  // How many instructions lie between the next one and its target.
  #distance(target: Label): number {
    return this.#reversed.length - target
  }

  // Something near that leads to the target: the target itself, a copy of it if it is a return, or a jump to it.
  #near(target: Label, reserve: number): Label {
    if (this.#distance(target) + reserve <= MAX_DISTANCE) return target
    const there = this.#reversed[target - 1]
    return there?.code === CODE.return ? this.return(there.k) : this.#push(CODE.jump, this.#distance(target))
  }

  /** Ends with this value; one that is near is used again. */
  return(value: number): Label {
    const known = this.#returns.get(value)
    if (known !== undefined && this.#distance(known) < MAX_DISTANCE / 2) return known
    const label = this.#push(CODE.return, value)
    this.#returns.set(value, label)
    return label
  }

  /** Loads a word of the call's data, then goes on at `next`. */
  load(offset: number, next: Label): Label {
    this.#continue(next)
    const label = this.#push(CODE.load, offset)
    this.#loads.set(label, { offset, next: label - 1 })
    return label
  }

  /** Where to go on at `label` with this word loaded already: behind the load, if it begins with that. */
  loaded(offset: number, label: Label): Label {
    const load = this.#loads.get(label)
    return load?.offset === offset ? load.next : label
  }

  /** Clears all but these bits of what was loaded, then goes on at `next`. */
  and(mask: number, next: Label): Label {
    this.#continue(next)
    return this.#push(CODE.and, mask)
  }

  #continue(next: Label): void {
    if (next !== this.#reversed.length) this.#push(CODE.jump, this.#distance(next))
  }

  /** Compares what was loaded with `k`, unsigned. */
  branch(code: typeof CODE.equal | typeof CODE.greater | typeof CODE.atLeast, k: number, yes: Label, no: Label): Label {
    if (yes === no) return yes
    // The second detour moves the first target one further away.
    const farNo = this.#near(no, 1)
    const farYes = this.#near(yes, 0)
    return this.#push(code, k, this.#distance(farYes), this.#distance(farNo))
  }

  /** The program, first instruction first, begun at `start`. */
  finish(start: Label): Instruction[] {
    this.#continue(start)
    return this.#reversed.toReversed()
  }
}

/** The program as the kernel reads it (little-endian, as both architectures are). */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [i, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(i * 8, code, true)
    view.setUint8(i * 8 + 2, jt)
    view.setUint8(i * 8 + 3, jf)
    view.setUint32(i * 8 + 4, k, true)
  }
  return bytes
}
