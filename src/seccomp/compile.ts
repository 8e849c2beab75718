// From decisions to a filter: a balanced tree of comparisons over the call's number.
//
// Neighbouring numbers with the same decision are one range, and the tree's leaves are ranges, or runs of ranges with a few
// single calls in between; a call costs about log2(ranges) comparisons, and where the arguments do not matter the kernel
// remembers the answer (Linux 5.11) and runs no filter at all. Length counts, too: what installing takes grows by a quarter
// of a microsecond with each instruction (Linux 6.18, npm run bench:seccomp). An argument has 64 bits and the machine 32:
// each half is loaded and compared by itself, high half first.

import { Assembler, CODE, DATA, encodeProgram, type Instruction, type Label, MAX_INSTRUCTIONS } from './bpf.js'
import { type Condition, VIOLATION } from './profile.js'
import type { Decision, Decisions } from './resolve.js'
import { AUDIT_ARCH, X32_BIT } from './tables.js'

/** A filter as init is given it. */
export interface Filter {
  /** `struct sock_filter[]`. */
  readonly bytes: Uint8Array
  readonly instructions: number
}

const NO_CALL = 0xffffffff
const LOW = 0xffffffffn

const high = (value: bigint) => Number(value >> 32n)
const low = (value: bigint) => Number(value & LOW)

function compareBits(code: Assembler, { index, value, mask }: Condition, yes: Label, no: Label): Label {
  let label = yes
  const at = DATA.argument + index * 8
  for (const [offset, bits, wanted] of [
    [at, low(mask), low(value)],
    [at + 4, high(mask), high(value)],
  ] as const) {
    if (bits === 0) continue
    // A masked word is not the one that a comparison after it may want.
    label = code.branch(CODE.equal, wanted, label, bits === NO_CALL ? code.loaded(offset, no) : no)
    if (bits !== NO_CALL) label = code.and(bits, label)
    label = code.load(offset, label)
  }
  return label
}

// Greater, or with `equal` at least: by the high halves, and by the low ones where those are the same.
function compareOrder(code: Assembler, { index, value }: Condition, equal: boolean, yes: Label, no: Label): Label {
  const at = DATA.argument + index * 8
  const lows = code.load(at, code.branch(equal ? CODE.atLeast : CODE.greater, low(value), yes, no))
  return code.load(at + 4, code.branch(CODE.greater, high(value), yes, code.branch(CODE.equal, high(value), lows, no)))
}

function compare(code: Assembler, condition: Condition, yes: Label, no: Label): Label {
  switch (condition.op) {
    case 'eq':
    case 'masked_eq':
      return compareBits(code, condition, yes, no)
    case 'ne':
      return compareBits(code, condition, no, yes)
    case 'ge':
      return compareOrder(code, condition, true, yes, no)
    case 'gt':
      return compareOrder(code, condition, false, yes, no)
    case 'lt':
      return compareOrder(code, condition, true, no, yes)
    case 'le':
      return compareOrder(code, condition, false, no, yes)
  }
}

function compileDecision(code: Assembler, { cases, otherwise }: Decision): Label {
  let next = code.return(otherwise)
  for (const { conditions, action } of cases.toReversed()) {
    let label = code.return(action)
    for (const condition of conditions.toReversed()) label = compare(code, condition, label, next)
    next = label
  }
  return next
}

function keyOf({ cases, otherwise }: Decision): string {
  const conditions = (list: readonly Condition[]) =>
    list.map(({ index, op, value, mask }) => `${index}${op}${value}&${mask}`).join()
  return [otherwise, ...cases.map((one) => `${one.action}:${conditions(one.conditions)}`)].join(';')
}

interface Range {
  readonly from: number
  readonly key: string
  readonly decision: Decision
}

function plain(from: number, otherwise: number): Range {
  const decision = { cases: [], otherwise, place: '' }
  return { from, key: keyOf(decision), decision }
}

function rangesOf({ known, unknown, machine }: Decisions): Range[] {
  const ranges: Range[] = []
  const last = Math.max(...known.keys())
  for (let number = 0; number <= last + 1; number++) {
    const decision = known.get(number) ?? { cases: [], otherwise: unknown, place: '' }
    const key = keyOf(decision)
    if (ranges.at(-1)?.key !== key) ranges.push({ from: number, key, decision })
  }
  if (machine.architecture === 'x86_64') {
    ranges.push(plain(X32_BIT, VIOLATION))
    // -1 is no call: a tracer skips one by it, and it has always been answered like an unknown one.
    ranges.push(plain(NO_CALL, unknown))
  }
  return ranges
}

// Single calls within a run of others take one comparison each, where a tree needs two: up to this many in a leaf.
const MAX_EXCEPTIONS = 3
const RANGE_WEIGHT = 4
const MAX_WIDTH = 64

// What most ranges of a run answer, and the others, if those are few single calls.
function asExceptions(ranges: readonly Range[], end: number): { usual: Range; others: readonly Range[] } | undefined {
  if (ranges.length > 2 * MAX_EXCEPTIONS + 1) return undefined
  for (const usual of ranges.slice(0, 2)) {
    const others = ranges.filter(({ key }) => key !== usual.key)
    const single = others.every((range) => (ranges[ranges.indexOf(range) + 1]?.from ?? end) === range.from + 1)
    if (single && others.length <= MAX_EXCEPTIONS) return { usual, others }
  }
  return undefined
}

// Where a run is halved: by the calls in it rather than by its ranges, so that the many in a wide range are soon decided;
// yet a range counts for itself, too, which keeps the tree from growing deep. The kernel tries every number when it takes
// a filter, so this is also what installing costs.
function middleOf(ranges: readonly Range[], end: number): number {
  const weights = ranges.map(({ from }, i) => Math.min((ranges[i + 1]?.from ?? end) - from, MAX_WIDTH) + RANGE_WEIGHT)
  const half = weights.reduce((sum, weight) => sum + weight) / 2
  let best = 1
  let sum = 0
  let least = Number.POSITIVE_INFINITY
  for (let i = 1; i < ranges.length; i++) {
    sum += weights[i - 1] ?? 0
    if (Math.abs(sum - half) >= least) break
    least = Math.abs(sum - half)
    best = i
  }
  return best
}

function compileTree(code: Assembler, ranges: readonly Range[], end: number, leaf: (range: Range) => Label): Label {
  const run = asExceptions(ranges, end)
  if (run) {
    return run.others.reduce((next, one) => code.branch(CODE.equal, one.from, leaf(one), next), leaf(run.usual))
  }
  const middle = middleOf(ranges, end)
  const upper = compileTree(code, ranges.slice(middle), end, leaf)
  const lower = compileTree(code, ranges.slice(0, middle), ranges[middle]?.from ?? end, leaf)
  return code.branch(CODE.atLeast, ranges[middle]?.from ?? 0, upper, lower)
}

/** The program of these decisions, however long it is. */
export function assemble(decisions: Decisions): Instruction[] {
  const code = new Assembler()
  const blocks = new Map<string, Label>()
  const ranges = rangesOf(decisions)
  // Blocks that look at arguments come last, so that the tree in front of them stays small.
  for (const { key, decision } of ranges) {
    if (decision.cases.length > 0 && !blocks.has(key)) blocks.set(key, compileDecision(code, decision))
  }
  const leaf = ({ key, decision }: Range) => blocks.get(key) ?? code.return(decision.otherwise)
  let start = compileTree(code, ranges, NO_CALL + 1, leaf)
  const { architecture } = decisions.machine
  start = code.load(DATA.number, start)
  start = code.branch(CODE.equal, AUDIT_ARCH[architecture], start, code.return(VIOLATION))
  return code.finish(code.load(DATA.architecture, start))
}

// The decision that costs most, for the message about a filter that is too long.
function longest({ known }: Decisions): Decision | undefined {
  const size = ({ cases }: Decision) => cases.reduce((sum, { conditions }) => sum + conditions.length, 0)
  return [...known.values()].sort((a, b) => size(b) - size(a))[0]
}

/**
 * The filter of these decisions.
 *
 * @throws RangeError when it has more instructions than the kernel takes
 */
export function compile(option: string, decisions: Decisions): Filter {
  const program = assemble(decisions)
  if (program.length > MAX_INSTRUCTIONS) {
    const place = longest(decisions)?.place ?? option
    throw Object.assign(
      new RangeError(
        `Expected at most ${MAX_INSTRUCTIONS} BPF instructions for ${option} but received a profile that takes ` +
          `${program.length}. Most conditions belong to one call, first at ${place}: use fewer, or masked ones.`,
      ),
      { code: 'ERR_SANDBOX_INVALID_OPTION' },
    )
  }
  return Object.freeze({ bytes: encodeProgram(program), instructions: program.length })
}
