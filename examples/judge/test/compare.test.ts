// The checkers that need no program.
import * as assert from 'uvu/assert'
import { suite } from '../../../test/support/suite.js'
import { compareExactly, compareNumbers, compareTokens } from '../src/engine/compare.js'
import { readable } from '../src/engine/text.js'

const test = suite('judge: comparing')
const bytes = (text: string) => Buffer.from(text, 'latin1')

test('exact: the same bytes are right, other white space is a presentation error, other words are wrong', () => {
  const verdict = (output: string, answer: string) => compareExactly(bytes(output), bytes(answer)).verdict
  assert.is(verdict('a b\n', 'a b\n'), 'AC')
  assert.is(verdict('', ''), 'AC')
  for (const output of ['a b', 'a  b\n', ' a b\n', 'a\nb\n', 'a b\r\n', 'a b\n\n'])
    assert.is(verdict(output, 'a b\n'), 'PE')
  for (const output of ['', 'a', 'ab\n', 'a b c\n', 'A b\n', 'a b\0\n']) assert.is(verdict(output, 'a b\n'), 'WA')
})

test('token: any white space between the words does, no other byte does', () => {
  const verdict = (output: string, answer: string, ignoreCase = false) =>
    compareTokens(bytes(output), bytes(answer), ignoreCase).verdict
  for (const output of ['1 2', '\t1\v2\f', '1\r\n2\r\n', '  1 \n\n 2']) assert.is(verdict(output, '1 2\n'), 'AC')
  for (const output of ['1', '1 2 3', '12', '1\u00a02', '1 2\0', '01 2', '']) assert.is(verdict(output, '1 2\n'), 'WA')
  assert.is(verdict('Yes', 'YES'), 'WA')
  assert.is(verdict('Yes', 'YES', true), 'AC')
  assert.is(verdict('', '\n'), 'AC')
})

test('float: within the absolute or the relative tolerance, and nothing that only converts to a number', () => {
  const verdict = (output: string, answer: string) => compareNumbers(bytes(output), bytes(answer), 1e-6, 1e-9).verdict
  for (const output of ['0.5', '.5', '5e-1', '+0.5000005', '0.4999995']) assert.is(verdict(output, '0.5'), 'AC')
  for (const output of ['0.50001', 'nan', 'NaN', '0x1p-1', '1e999', 'Infinity', '', '0.5.', '5e', '0,5']) {
    assert.is(verdict(output, '0.5'), 'WA', output)
  }
  assert.is(verdict('1000000000.5', '1000000000'), 'AC')
  assert.is(verdict('1000000002', '1000000000'), 'WA')
  assert.is(verdict('nan', 'nan'), 'AC')
  assert.is(verdict('impossible', 'impossible'), 'AC')
  assert.is(verdict(`0.${'5'.repeat(100_000)}`, '0.5555555555555555'), 'WA')
})

test('an explanation names the first wrong word, shortened and safe to print', () => {
  const { explanation } = compareTokens(bytes(`1 \x1b[2J${'x'.repeat(1000)}`), bytes('1 2'), false)
  assert.match(explanation, /^Word 2 is "\\u001b\[2Jx+"\.\.\. \(1004 bytes\), and should be "2"\.$/)
})

test('what others say is bounded and loses its control characters', () => {
  assert.is(readable(bytes('a\x1b[31mb\r\nc\td\0\x07'), 100), 'a[31mb\nc\td')
  assert.is(readable(Buffer.from('\u202eevil'), 100), 'evil')
  assert.is(readable(bytes('x'.repeat(50)), 10), `${'x'.repeat(10)}\n[cut off after 10 bytes]`)
})

test('ten megabytes of hostile output are compared without a list of their words', () => {
  const before = process.memoryUsage().heapUsed
  const output = Buffer.alloc(10 << 20, 'a ')
  assert.is(compareTokens(output, Buffer.concat([output, bytes('b')]), false).verdict, 'WA')
  assert.ok(process.memoryUsage().heapUsed - before < 200 << 20)
})

test.run()
