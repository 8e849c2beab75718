// Sizes and durations as people write them.
import { inspect } from 'node:util'
import * as assert from 'uvu/assert'
import { formatBytes, formatDuration, parseBytes, parseDuration, parseOffset, parseSize } from '../../src/units.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'

const test = suite('units')

const SIZES: [text: string | number, bytes: number][] = [
  [0, 0],
  [4096, 4096],
  ['4096', 4096],
  ['12B', 12],
  ['64KiB', 65536],
  ['64K', 65536],
  ['64k', 65536],
  ['10KB', 10_000],
  ['256MiB', 268435456],
  ['10MB', 10_000_000],
  ['1GiB', 1073741824],
  ['1.5GiB', 1610612736],
  ['2 GiB', 2147483648],
  ['1TB', 1e12],
]

for (const [text, bytes] of SIZES) {
  test(`${JSON.stringify(text)} is ${bytes} bytes`, () => assert.is(parseBytes('x', text), bytes))
}

test("'max' is unlimited where unlimited is possible", () => {
  assert.is(parseSize('x', 'max'), 'max')
  assert.is(refusal(() => parseBytes('x', 'max')).kind, 'TypeError')
})

for (const bad of ['', 'a lot', '1.5.5', '5 iB', '10 Kilo', '0x10', null, true, {}]) {
  test(`${JSON.stringify(bad)} is no size`, () => assert.is(refusal(() => parseBytes('x', bad)).kind, 'TypeError'))
}

for (const bad of [-1, '-1', '-5MiB', 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '9000000TiB']) {
  test(`${inspect(bad)} is out of range as a size`, () =>
    assert.is(refusal(() => parseBytes('x', bad)).kind, 'RangeError'))
}

test('a size below the least one is refused with the least one', () => {
  assert.match(
    refusal(() => parseBytes('limits().memory', 100, 65536)).message,
    /at least 64 KiB for limits\(\)\.memory/,
  )
  assert.is(parseBytes('x', 65536, 65536), 65536)
})

const DURATIONS: [text: string | number, ms: number][] = [
  [1, 1],
  [1500.5, 1500.5],
  ['200ms', 200],
  ['1.5s', 1500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['30d', 2_592_000_000],
  ['250us', 0.25],
]

for (const [text, ms] of DURATIONS) {
  test(`${JSON.stringify(text)} is ${ms} ms`, () => assert.is(parseDuration('x', text), ms))
}

for (const bad of ['5', 's', '1 fortnight', '', null, []]) {
  test(`${JSON.stringify(bad)} is no duration`, () =>
    assert.is(refusal(() => parseDuration('x', bad)).kind, 'TypeError'))
}

for (const bad of [0, -1, '-1s', Number.NaN, Number.POSITIVE_INFINITY, '366d', 366 * 86400e3]) {
  test(`${inspect(bad)} is out of range as a duration`, () => {
    assert.is(refusal(() => parseDuration('x', bad)).kind, 'RangeError')
  })
}

test('an offset may be negative, but not absurd', () => {
  assert.is(parseOffset('x', '-1.5h'), -5_400_000)
  assert.is(parseOffset('x', 0), 0)
  assert.is(refusal(() => parseOffset('x', '40000d')).kind, 'RangeError')
  assert.is(refusal(() => parseOffset('x', Number.NaN)).kind, 'RangeError')
})

test('bytes and durations are said in the unit that fits', () => {
  assert.equal([0, 1, 1536, 2 ** 20, 67108864].map(formatBytes), ['0 bytes', '1 bytes', '1.5 KiB', '1 MiB', '64 MiB'])
  assert.equal([0.25, 9.96, 200, 1500, 61_000].map(formatDuration), ['0.3 ms', '10 ms', '200 ms', '1.5 s', '61 s'])
})

test.run()
