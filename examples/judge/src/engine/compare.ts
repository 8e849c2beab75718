// The checkers that need no program: they compare what was written with the answer, as bytes. No text is decoded and no
// list of tokens built, so that hostile output costs no more than its length.

export interface Comparison {
  verdict: 'AC' | 'WA' | 'PE'
  explanation: string
}

const ACCEPTED: Comparison = { verdict: 'AC', explanation: 'The answer is right.' }
/** A number as programs print one; `Number()` would take '', '0x10' and 'Infinity' as well. */
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const MAX_NUMBER_LENGTH = 400

/** Byte for byte; the right words with other white space are a presentation error. */
export function compareExactly(output: Buffer, answer: Buffer): Comparison {
  if (output.equals(answer)) return ACCEPTED
  const difference = firstDifference(output, answer, (a, b) => a.equals(b))
  if (difference) return difference
  return { verdict: 'PE', explanation: 'The words are right, but not the white space between them.' }
}

/** The same words in the same order, whatever white space is between them. */
export function compareTokens(output: Buffer, answer: Buffer, ignoreCase: boolean): Comparison {
  const same = ignoreCase
    ? (a: Buffer, b: Buffer) => a.length === b.length && lower(a) === lower(b)
    : (a: Buffer, b: Buffer) => a.equals(b)
  return firstDifference(output, answer, same) ?? ACCEPTED
}

/** As words, but two numbers are the same when they differ by no more than the absolute or the relative tolerance. */
export function compareNumbers(output: Buffer, answer: Buffer, absolute: number, relative: number): Comparison {
  const same = (a: Buffer, b: Buffer) => {
    if (a.equals(b)) return true
    const [received, expected] = [toNumber(a), toNumber(b)]
    if (received === undefined || expected === undefined) return false
    return Math.abs(received - expected) <= Math.max(absolute, relative * Math.abs(expected))
  }
  return firstDifference(output, answer, same) ?? ACCEPTED
}

function firstDifference(
  output: Buffer,
  answer: Buffer,
  same: (received: Buffer, expected: Buffer) => boolean,
): Comparison | undefined {
  const received = tokens(output)
  let count = 0
  for (const expected of tokens(answer)) {
    count += 1
    const { value, done } = received.next()
    if (done) return wrong(`The output ends before its word ${count}.`)
    if (!same(value, expected)) return wrong(`Word ${count} is ${show(value)}, and should be ${show(expected)}.`)
  }
  const { value, done } = received.next()
  return done ? undefined : wrong(`After ${count} words there should be no more, but there is ${show(value)}.`)
}

/** Words between ASCII white space; a zero byte or one above 127 is part of a word like any other. */
function* tokens(bytes: Buffer): Generator<Buffer, undefined, undefined> {
  let start = -1
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    const isSpace = byte === 32 || (byte >= 9 && byte <= 13)
    if (isSpace && start >= 0) {
      yield bytes.subarray(start, i)
      start = -1
    } else if (!isSpace && start < 0) {
      start = i
    }
  }
  if (start >= 0) yield bytes.subarray(start)
}

function toNumber(token: Buffer): number | undefined {
  if (token.length > MAX_NUMBER_LENGTH) return undefined
  const text = token.toString('latin1')
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

function lower(token: Buffer): string {
  return token.toString('latin1').toLowerCase()
}

function wrong(explanation: string): Comparison {
  return { verdict: 'WA', explanation }
}

/** Safe to print, and short: it is the contestant's text. */
function show(token: Buffer): string {
  const text = JSON.stringify(token.subarray(0, 40).toString('utf8'))
  return token.length > 40 ? `${text}... (${token.length} bytes)` : text
}
