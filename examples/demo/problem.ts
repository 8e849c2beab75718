// The problem that the demo judges: the maximum sum of a subarray, with its tests.

export interface TestCase {
  name: string
  input: string
  answer: string
}

export const statement =
  'Given n and then n integers, print the largest sum of a non-empty run of neighbouring integers.'

const CASES: readonly (readonly [name: string, numbers: readonly number[]])[] = [
  ['one number', [42]],
  ['the textbook example', [-2, 1, -3, 4, -1, 2, 1, -5, 4]],
  ['all of them', [3, 0, 8, 1]],
  ['only negative', [-8, -3, -6, -2, -5, -4]],
  ['20,000 numbers', randomNumbers(20_000)],
]

export const tests: readonly TestCase[] = CASES.map(([name, numbers]) => ({
  name,
  input: `${numbers.length}\n${numbers.join('\n')}\n`,
  answer: String(largestSum(numbers)),
}))

/** Whether a program's output is the answer; white space around it does not matter. */
export function accepts(test: TestCase, output: string): boolean {
  return output.trim() === test.answer
}

function largestSum(numbers: readonly number[]): number {
  let endingHere = Number.NEGATIVE_INFINITY
  let best = Number.NEGATIVE_INFINITY
  for (const number of numbers) {
    endingHere = Math.max(endingHere, 0) + number
    best = Math.max(best, endingHere)
  }
  return best
}

/** The same numbers on every machine: a linear congruential generator, top bits only. */
function randomNumbers(count: number): number[] {
  let state = 2463534242
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((state >>> 16) % 2001) - 1000
  })
}
