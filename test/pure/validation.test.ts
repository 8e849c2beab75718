// Every bad value is refused at the method that received it, by name, and with what to do instead.
import * as assert from 'uvu/assert'
import { type Sandbox, sandbox } from '../../src/sandbox.js'
import { nearest } from '../../src/validate.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'

const test = suite('validation')

// What a JavaScript caller can pass in spite of the types.
// biome-ignore lint/suspicious/noExplicitAny: see above
const untyped = (box: Sandbox = sandbox()): any => box

type Case = [what: string, action: () => unknown, kind: 'TypeError' | 'RangeError', says: RegExp]

const CASES: Case[] = [
  ['an unknown namespace', () => untyped().namespaces('network'), 'TypeError', /namespaces\(\).*'network'.*/],
  ['a misspelt namespace', () => untyped().share('moutn'), 'TypeError', /share\(\).*Did you mean 'mount'\?/],
  ['a number as namespace', () => untyped().namespaces(5), 'TypeError', /received 5/],
  ['an unknown network', () => untyped().network('bridge'), 'TypeError', /'none', 'host' for network\(\)/],
  ['an empty host name', () => untyped().hostname(''), 'TypeError', /hostname\(\)/],
  ['a host name of 65 letters', () => untyped().hostname('a'.repeat(65)), 'TypeError', /at most 64/],
  ['a host name with NUL', () => untyped().hostname('a\0b'), 'TypeError', /NUL/],
  ['an unknown clock', () => untyped().clockOffset({ realtime: 5 }), 'TypeError', /received 'realtime'/],
  ['an offset that is no number', () => untyped().clockOffset({ monotonic: 'soon' }), 'TypeError', /monotonic/],
  [
    'a rootfs that does not exist',
    () => untyped().rootfs('no/such/dir'),
    'TypeError',
    /rootfs\(\).*'no\/such\/dir'.*ENOENT/,
  ],
  ['a rootfs that is a file', () => untyped().rootfs('/proc/self/status'), 'TypeError', /a directory for rootfs\(\)/],
  ['no layers', () => untyped().rootfs([]), 'TypeError', /1 to 500/],
  ['too many layers', () => untyped().rootfs(Array(501).fill('/')), 'TypeError', /1 to 500/],
  ['a bad layer among good ones', () => untyped().rootfs(['/', '/nowhere']), 'TypeError', /rootfs\(\) layer 1/],
  ['an unknown rootfs option', () => untyped().rootfs('/', { readonly: true }), 'TypeError', /'readonly'/],
  ['an unknown rootfs mode', () => untyped().rootfs('/', { mode: 'readOnly' }), 'TypeError', /Did you mean 'readonly'/],
  ['a rootfs too small', () => untyped().rootfs('/', { size: 100 }), 'RangeError', /at least 64 KiB/],
  [
    'an upper without overlay',
    () => untyped().rootfs('/', { mode: 'readonly', upper: '/tmp' }),
    'TypeError',
    /overlay/,
  ],
  [
    'several writable layers',
    () => untyped().rootfs(['/', '/usr'], { mode: 'writable' }),
    'TypeError',
    /one directory/,
  ],
  ['a relative target', () => untyped().bind('/usr', 'usr'), 'TypeError', /an absolute path for bind\(\) target/],
  ['the root as target', () => untyped().tmpfs('/'), 'TypeError', /below '\/'/],
  ['a target that climbs', () => untyped().file('/a/../etc', ''), 'TypeError', /'\.\.'/],
  ['a source with NUL', () => untyped().bind('/us\0r'), 'TypeError', /NUL/],
  ['a bind option misspelt', () => untyped().bind('/usr', '/usr', { writeable: true }), 'TypeError', /'writable'/],
  ['a bind option of a wrong type', () => untyped().bind('/usr', '/usr', { writable: 1 }), 'TypeError', /boolean/],
  ['a mode that is too large', () => untyped().tmpfs('/a', { mode: 0o10000 }), 'RangeError', /0o755/],
  ['content that is a number', () => untyped().file('/a', 5), 'TypeError', /a string or a Uint8Array/],
  ['an empty link', () => untyped().symlink('', '/a'), 'TypeError', /symlink\(\) target/],
  ['a relative working directory', () => untyped().cwd('work'), 'TypeError', /cwd\(\)/],
  ['a variable with =', () => untyped().env({ 'A=B': 'c' }), 'TypeError', /without '='/],
  ['a variable with NUL', () => untyped().env({ A: 'b\0c' }), 'TypeError', /env\(\)\.A/],
  ['a variable that is a number', () => untyped().env({ A: 5 }), 'TypeError', /env\(\)\.A/],
  ['a user by name', () => untyped().user('nobody'), 'TypeError', /user\(\) uid/],
  ['a negative user', () => untyped().user(-1), 'RangeError', /0 to 65535/],
  ['a group that is too large', () => untyped().user(1, 65536), 'RangeError', /user\(\) gid/],
  ['a use of ids that is none', () => untyped().subordinateIds('alway'), 'TypeError', /Did you mean 'always'/],
  ['an option of ids misspelt', () => untyped().subordinateIds('always', { caller: 0 }), 'TypeError', /'callerId'/],
  ['an id that is too large', () => untyped().subordinateIds('always', { callerId: 65536 }), 'RangeError', /callerId/],
  [
    'an id of the caller without the ids for it',
    () => untyped().subordinateIds('auto', { callerId: 0 }),
    'TypeError',
    /subordinateIds\('always', \{ callerId \}\)/,
  ],
  ['an unknown limit', () => untyped().limits({ ram: 5 }), 'TypeError', /'ram'/],
  ['a misspelt limit', () => untyped().limits({ wallTim: 5 }), 'TypeError', /Did you mean 'wallTime'/],
  ['limits that are a number', () => untyped().limits(5), 'TypeError', /an object for limits\(\)/],
  ['a negative memory', () => untyped().limits({ memory: -1 }), 'RangeError', /limits\(\)\.memory/],
  ['a tiny memory', () => untyped().limits({ memory: '1KiB' }), 'RangeError', /64 KiB/],
  ['no cores', () => untyped().limits({ cpu: 0 }), 'RangeError', /limits\(\)\.cpu/],
  ['too many cores', () => untyped().limits({ cpu: 4097 }), 'RangeError', /4096/],
  ['cores that are not a number', () => untyped().limits({ cpu: Number.NaN }), 'RangeError', /NaN/],
  ['cores in words', () => untyped().limits({ cpu: '2' }), 'TypeError', /received '2'/],
  ['no processes', () => untyped().limits({ pids: 0 }), 'RangeError', /1 to 4194304/],
  ['half a process', () => untyped().limits({ pids: 1.5 }), 'RangeError', /integer/],
  ['a wall time of two years', () => untyped().limits({ wallTime: '730d' }), 'RangeError', /365 days/],
  ['unlimited open files', () => untyped().limits({ openFiles: 'max' }), 'TypeError', /openFiles/],
  ['a cpuset that goes down', () => untyped().limits({ cpuset: '3-1' }), 'RangeError', /low to high/],
  ['an empty cpuset', () => untyped().limits({ cpuset: [] }), 'TypeError', /at least one/],
  ['an io limit without a device', () => untyped().limits({ io: { readBps: 5 } }), 'TypeError', /io\.device/],
  ['an io limit of nothing', () => untyped().limits({ io: { device: '8:0' } }), 'TypeError', /at least one of readBps/],
  ['an io limit on no disk', () => untyped().limits({ io: { device: '/proc', readBps: 1 } }), 'TypeError', /disk/],
  ['a weight of 0', () => untyped().priority({ cpuWeight: 0 }), 'RangeError', /1 to 10000/],
  ['a nice value of 20', () => untyped().priority({ nice: 20 }), 'RangeError', /-20 to 19/],
  ['an unknown capability', () => untyped().capabilities('net_bind'), 'TypeError', /'net_bind_service'/],
  ['an unknown figure', () => untyped().measure('cpu'), 'TypeError', /measure\(\)/],
]

for (const [what, action, kind, says] of CASES) {
  test(`${what} is refused`, () => {
    const { kind: thrown, code, message } = refusal(action)
    assert.is(thrown, kind)
    assert.is(code, 'ERR_SANDBOX_INVALID_OPTION')
    assert.match(message, says)
  })
}

const COMMANDS: [what: string, call: (box: ReturnType<typeof untyped>) => Promise<unknown>, says: RegExp][] = [
  ['an empty command', (box) => box.spawn(''), /non-empty string for spawn\(\) file/],
  ['an empty command of run', (box) => box.run(''), /non-empty string for run\(\) file/],
  ['no command', (box) => box.run(), /run\(\) file/],
  ['a command with NUL', (box) => box.spawn('a\0b'), /NUL/],
  ['arguments that are a string', (box) => box.spawn('a', 'b'), /array of strings for spawn\(\) args/],
  ['options in the place of arguments', (box) => box.spawn('a', { stdin: 'pipe' }), /third argument/],
  ['an argument with NUL', (box) => box.spawn('a', ['x', 'b\0c']), /args\[1\]/],
  ['an argument that is a number', (box) => box.run('a', [5]), /args\[0\]/],
  ['an unknown option', (box) => box.spawn('a', [], { stdio: 'pipe' }), /'stdio'.*Did you mean 'stdi[no]/],
  ['a stream in words', (box) => box.spawn('a', [], { stdout: 'pip' }), /Did you mean 'pipe'/],
  ['a stream that is not open', (box) => box.spawn('a', [], { stdout: { fd: null } }), /that is open/],
  [
    'a terminal in words',
    (box) => box.spawn('a', [], { pty: 'yes' }),
    /true, false, or \{ cols, rows \} for spawn\(\) pty/,
  ],
  ['a terminal that is a list', (box) => box.spawn('a', [], { pty: [80, 24] }), /for spawn\(\) pty/],
  ['a terminal with an unknown option', (box) => box.spawn('a', [], { pty: { columns: 5 } }), /'columns'.*cols, rows/],
  ['columns in words', (box) => box.spawn('a', [], { pty: { cols: '80' } }), /1 to 65535 for spawn\(\) pty cols/],
  [
    'a terminal beside stdin',
    (box) => box.spawn('a', [], { pty: true, stdin: 'ignore' }),
    /stdin: 'ignore'.*leave stdin out/,
  ],
  ['a terminal beside stdout', (box) => box.spawn('a', [], { pty: {}, stdout: 'pipe' }), /no stdout beside pty/],
  ['a terminal beside stderr', (box) => box.spawn('a', [], { pty: {}, stderr: 2 }), /no stderr beside pty/],
  ['an input beside a terminal', (box) => box.spawn('a', [], { pty: true, input: 'x' }), /'input'/],
  ['a terminal for run', (box) => box.run('a', [], { pty: true }), /no pty for run\(\) options.*use spawn\(\)/],
  ['a signal that is none', (box) => box.run('a', [], { signal: {} }), /AbortSignal/],
  ['an unknown encoding', (box) => box.run('a', [], { encoding: 'utf9' }), /encoding/],
  ['an input that is a number', (box) => box.run('a', [], { input: 5 }), /run\(\) input/],
]

for (const [what, call, says] of COMMANDS) {
  test(`${what} rejects`, async () => {
    const error = await call(untyped()).then(
      () => assert.unreachable('it did not reject'),
      (thrown: Error & { code?: string }) => thrown,
    )
    assert.instance(error, TypeError)
    assert.is(error?.code, 'ERR_SANDBOX_INVALID_OPTION')
    assert.match(error?.message ?? '', says)
  })
}

test('a terminal of no columns, or more rows than there can be, is out of range', async () => {
  for (const pty of [{ cols: 0 }, { rows: 65536 }, { cols: -1 }, { rows: 1.5 }, { cols: Number.NaN }]) {
    const error: unknown = await untyped()
      .spawn('a', [], { pty })
      .catch((thrown: unknown) => thrown)
    assert.instance(error, RangeError)
    assert.match(
      (error as Error).message,
      /^Expected an integer from 1 to 65535 for spawn\(\) pty (cols|rows) but received/,
    )
  }
})

test('the nearest word is found, and none where none is near', () => {
  const words = ['memory', 'wallTime', 'cpuTime', 'pids']
  assert.is(nearest('memroy', words), 'memory')
  assert.is(nearest('WALLTIME', words), 'wallTime')
  assert.is(nearest('bandwidth', words), undefined)
})

test.run()
