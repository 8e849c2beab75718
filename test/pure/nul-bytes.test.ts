// No kernel interface can carry a NUL byte: each string that a recipe takes refuses it, by the option's name, so that no
// path is ever cut short.
import * as assert from 'uvu/assert'
import { sandbox } from '../../src/sandbox.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'

const test = suite('NUL bytes')
const NUL = '/a\0b'

const STRINGS: [option: string, action: () => unknown][] = [
  ['rootfs()', () => sandbox().rootfs(NUL)],
  ['rootfs() layer 1', () => sandbox().rootfs(['/', NUL])],
  ['rootfs().upper', () => sandbox().rootfs('/usr', { upper: NUL })],
  ['bind() source', () => sandbox().bind(NUL)],
  ['bind() target', () => sandbox().bind('/usr', NUL)],
  ['tmpfs() target', () => sandbox().tmpfs(NUL)],
  ['file() target', () => sandbox().file(NUL, '')],
  ['symlink() target', () => sandbox().symlink(NUL, '/a')],
  ['symlink() path', () => sandbox().symlink('a', NUL)],
  ['mask()', () => sandbox().mask(NUL)],
  ['cwd()', () => sandbox().cwd(NUL)],
  ['hostname()', () => sandbox().hostname('a\0b')],
  ['env() name', () => sandbox().env({ 'A\0B': '' })],
  ['env().A', () => sandbox().env({ A: 'b\0c' })],
  ['limits().io.device', () => sandbox().limits({ io: { device: NUL, readBps: 1 } })],
]

for (const [option, action] of STRINGS) {
  test(`${option} refuses one`, () => {
    const { kind, code, message } = refusal(action)
    assert.equal([kind, code], ['TypeError', 'ERR_SANDBOX_INVALID_OPTION'])
    assert.match(message, 'without NUL bytes')
    assert.match(message, option)
  })
}

const COMMANDS: [option: string, action: () => Promise<unknown>][] = [
  ['run() file', () => sandbox().run(NUL)],
  ['run() args[1]', () => sandbox().run('a', ['b', NUL])],
  ['spawn() file', () => sandbox().spawn(NUL)],
  ['spawn() args[0]', () => sandbox().spawn('a', [NUL])],
  ['spawn() stdin', () => sandbox().spawn('a', [], { stdin: NUL })],
  ['spawn() stdout.path', () => sandbox().spawn('a', [], { stdout: { path: NUL } })],
]

for (const [option, action] of COMMANDS) {
  test(`${option} refuses one by rejecting`, async () => {
    const error: Error & { code?: string } = await action().then(
      () => new Error('It did not reject'),
      (thrown) => thrown,
    )
    assert.is(error.code, 'ERR_SANDBOX_INVALID_OPTION', error.message)
    assert.match(error.message, 'without NUL bytes')
    assert.match(error.message, option)
  })
}

test('content, and what stdin is fed with, may hold any byte', () => {
  assert.ok(sandbox().file('/a', 'b\0c'))
})

test.run()
