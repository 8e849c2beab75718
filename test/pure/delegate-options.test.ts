// The options of delegateCgroup(): consent in so many words, and a name that can be a leaf's. Nothing is moved by these.
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { type DelegateCgroupOptions, delegateCgroup } from '../../src/index.js'
import { suite } from '../support/suite.js'

const test = suite('delegateCgroup options')

const BAD: [what: string, options: unknown, Kind: typeof TypeError | typeof RangeError, message: RegExp][] = [
  ['no options', undefined, TypeError, /Expected an object for delegateCgroup\(\) options but received undefined/],
  ['no consent', {}, TypeError, /Expected true for delegateCgroup\(\)\.moveSelf but received undefined\. It says that/],
  [
    'refused consent',
    { moveSelf: false },
    TypeError,
    /Expected true for delegateCgroup\(\)\.moveSelf but received false/,
  ],
  ['what is only truthy', { moveSelf: 1 }, TypeError, /but received 1/],
  ['a misspelt option', { moveself: true }, TypeError, /Did you mean 'moveSelf'\?/],
  ['a number as leaf', { moveSelf: true, leaf: 1 }, TypeError, /Expected a string for delegateCgroup\(\)\.leaf/],
  ...['', 'a\0b'].map((leaf): (typeof BAD)[number] => [
    `${JSON.stringify(leaf)} as leaf`,
    { moveSelf: true, leaf },
    TypeError,
    /leaf/,
  ]),
  ...['.', '..', 'a/b', '../a', 'a b', 'a\nb', 'cgroup.procs', 'cofferdam.1', 'x'.repeat(256)].map(
    (leaf): (typeof BAD)[number] => [
      `${JSON.stringify(leaf.slice(0, 20))} as leaf`,
      { moveSelf: true, leaf },
      RangeError,
      /Expected a file name of letters, digits/,
    ],
  ),
]

for (const [what, options, Kind, message] of BAD) {
  test(`${what} is refused`, async () => {
    const before = readFileSync('/proc/self/cgroup', 'utf8')
    const error = await delegateCgroup(options as DelegateCgroupOptions).then(
      () => new Error('It was accepted'),
      (error) => error,
    )
    assert.instance(error, Kind)
    assert.match(error.message, message)
    assert.is(readFileSync('/proc/self/cgroup', 'utf8'), before)
  })
}

test.run()
