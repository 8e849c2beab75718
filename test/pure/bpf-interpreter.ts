// Classic BPF as seccomp runs it, written from the kernel's description (Documentation/networking/filter.rst, seccomp(2)):
// what compiled filters are held against. It checks what the kernel's own checker would, and takes no shortcut of ours.

export interface Call {
  architecture: number
  number: number
  arguments: bigint[]
}

const LD_W_ABS = 0x20
const JA = 0x05
const JEQ = 0x15
const JGT = 0x25
const JGE = 0x35
const AND_K = 0x54
const RET_K = 0x06

/** `struct seccomp_data`, little-endian: nr, arch, instruction_pointer, args[6]. */
export function callData({ architecture, number, arguments: values }: Call): DataView {
  const view = new DataView(new ArrayBuffer(64))
  view.setUint32(0, number >>> 0, true)
  view.setUint32(4, architecture >>> 0, true)
  view.setBigUint64(8, 0xdeadbeefn, true)
  for (const [i, value] of values.entries()) view.setBigUint64(16 + i * 8, value, true)
  return view
}

/** Runs a filter on a call: the value it returns, and how many instructions that took. */
export function interpret(filter: Uint8Array, call: Call): { value: number; steps: number } {
  if (filter.length % 8 !== 0 || filter.length === 0 || filter.length > 4096 * 8) throw new Error('not a filter')
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength)
  const data = callData(call)
  const length = filter.length / 8
  let accumulator: number | undefined
  let steps = 0
  for (let at = 0; ; at++) {
    if (at >= length) throw new Error(`the filter runs past its end, from ${at}`)
    steps++
    const op = code.getUint16(at * 8, true)
    const jt = code.getUint8(at * 8 + 2)
    const jf = code.getUint8(at * 8 + 3)
    const k = code.getUint32(at * 8 + 4, true)
    const loaded = () => {
      if (accumulator === undefined) throw new Error(`instruction ${at} uses what was never loaded`)
      return accumulator
    }
    const jump = (condition: boolean) => {
      at += condition ? jt : jf
    }
    if (op === LD_W_ABS) {
      if (k % 4 !== 0 || k >= 64) throw new Error(`instruction ${at} loads from ${k}`)
      accumulator = data.getUint32(k, true)
    } else if (op === JA) at += k
    else if (op === JEQ) jump(loaded() === k)
    else if (op === JGT) jump(loaded() > k)
    else if (op === JGE) jump(loaded() >= k)
    else if (op === AND_K) accumulator = (loaded() & k) >>> 0
    else if (op === RET_K) return { value: k, steps }
    else throw new Error(`instruction ${at} is 0x${op.toString(16)}, which this package has no use for`)
  }
}
