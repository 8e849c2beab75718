// How events come from the addon: their kinds and numbers are in the order that binding/ writes them in.
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { EVENT_KINDS, EVENT_NUMBERS, readEvent } from '../../src/native.js'
import { suite } from '../support/suite.js'

const test = suite('native')

const source = (name: string) => readFileSync(new URL(`../../binding/${name}`, import.meta.url), 'utf8')

test('the kinds of events are those of the addon, in its order', () => {
  const kinds = /enum Kind \{ (kStarted[^}]*) \}/.exec(source('sandbox.h'))?.[1]?.split(', ')
  assert.equal(
    kinds?.map((name) => name.slice(1).toLowerCase()),
    [...EVENT_KINDS],
  )
})

test('there is room for as many numbers as the addon writes', () => {
  assert.is(Number(/kNumbers = (\d+)/.exec(source('addon.cc'))?.[1]), EVENT_NUMBERS)
})

test('the numbers of an event are read in the order in which the addon writes them', () => {
  const numbers = Float64Array.from({ length: EVENT_NUMBERS }, (_, i) => i + 1)
  numbers[EVENT_NUMBERS - 1] = 2
  const written = [
    ...(/exited\[\] = \{([^;]*)\};/s.exec(source('addon.cc'))?.[1] ?? '').matchAll(/(?:wire|event)\.(\w+)/g),
  ]
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const event = readEvent(numbers, [EVENT_KINDS.indexOf('exited'), 7, ['a', 'b', '/group']])
  const values = event as unknown as Record<string, unknown>
  assert.is(written.length, EVENT_NUMBERS)
  for (const [i, [, name = '']] of written.slice(0, -1).entries()) assert.is(values[camel(name)], i + 1, name)
  assert.equal([values.stats, values.cgroups, values.id], [['a', 'b'], ['/group'], 7])
})

test('a failure has what a program said, where one did', () => {
  const numbers = Float64Array.from([0, 10, 2, 1])
  const failed = (texts: string[]) => readEvent(numbers, [EVENT_KINDS.indexOf('failed'), 7, texts])
  const plain = { kind: 'failed', id: 7, phase: 0, step: 10, index: 2, errno: 1 }
  assert.equal([failed([]), failed(['no.'])], [plain, { ...plain, said: 'no.' }])
})

test.run()
