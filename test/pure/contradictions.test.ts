// Options that exclude one another are refused by whichever call completes the contradiction.
import * as assert from 'uvu/assert'
import { type Sandbox, sandbox } from '../../src/sandbox.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'

const test = suite('contradictions')

type Verb = (box: Sandbox) => Sandbox

const PAIRS: [one: string, first: Verb, other: string, second: Verb][] = [
  ['user()', (box) => box.user(5), "share('user')", (box) => box.share('user')],
  ["subordinateIds('always')", (box) => box.subordinateIds('always'), "share('user')", (box) => box.share('user')],
  ['hostname()', (box) => box.hostname('a'), "share('uts')", (box) => box.share('uts')],
  ['clockOffset()', (box) => box.clockOffset({ monotonic: 1 }), "share('time')", (box) => box.share('time')],
  ['rootfs()', (box) => box.rootfs('/'), "share('mount')", (box) => box.share('mount')],
  ['bind()', (box) => box.bind('/usr'), "share('mount')", (box) => box.share('mount')],
  ['tmpfs()', (box) => box.tmpfs('/a'), "share('mount')", (box) => box.share('mount')],
  ['file()', (box) => box.file('/a', ''), "share('mount')", (box) => box.share('mount')],
  ['symlink()', (box) => box.symlink('a', '/b'), "share('mount')", (box) => box.share('mount')],
  ['mask()', (box) => box.mask('/a'), "share('mount')", (box) => box.share('mount')],
]

for (const [one, first, other, second] of PAIRS) {
  for (const [order, action] of [
    [`${one} after ${other}`, () => first(second(sandbox()))],
    [`${one} before ${other}`, () => second(first(sandbox()))],
  ] as const) {
    test(`${order} is refused, and the message names both`, () => {
      const { kind, code, message } = refusal(action)
      assert.is(kind, 'TypeError')
      assert.is(code, 'ERR_SANDBOX_INVALID_OPTION')
      assert.ok(message.includes(one), message)
      assert.ok(message.includes(other), message)
    })
  }
}

test('namespaces() that leave one out contradict as share() does', () => {
  assert.match(refusal(() => sandbox().user(5).namespaces('mount', 'pid')).message, /user\(\) needs a user namespace/)
})

test('chroot with a mount namespace is refused, and the message says what to call first', () => {
  const { kind, message } = refusal(() => sandbox().rootfs('/', { switch: 'chroot' }))
  assert.is(kind, 'TypeError')
  assert.match(message, /Call share\('mount'\)/)
  assert.match(
    refusal(() => sandbox().share('mount').rootfs('/', { switch: 'chroot' }).namespaces('mount')).message,
    /chroot/,
  )
})

test('chroot without a mount namespace takes one directory as it is', () => {
  const box = sandbox().share('mount')
  const { boot } = box.rootfs('/usr', { switch: 'chroot' }).plan()
  assert.equal(
    boot.find(({ op }) => op === 'chroot'),
    { op: 'chroot', directory: '/usr' },
  )
  assert.not.throws(() => box.rootfs('/', { switch: 'chroot', mode: 'writable' }))
  for (const options of [{ mode: 'overlay' }, { mode: 'readonly' }, { upper: '/tmp' }, { size: '1MiB' }] as const) {
    assert.is(refusal(() => box.rootfs('/', { switch: 'chroot', ...options })).kind, 'TypeError')
  }
  assert.is(refusal(() => box.rootfs(['/', '/usr'], { switch: 'chroot' })).kind, 'TypeError')
})

test('a recipe that was refused leaves the one before it as it was', () => {
  const box = sandbox().user(5)
  const before = JSON.stringify(box.plan())
  refusal(() => box.share('user'))
  assert.is(JSON.stringify(box.plan()), before)
})

test('every method returns a new recipe and leaves its own alone', () => {
  const base = sandbox()
  const before = JSON.stringify(base.plan())
  const later = base
    .share('net')
    .hostname('other')
    .tmpfs('/a')
    .env({ A: '1' })
    .limits({ wallTime: 5 })
    .priority({ nice: 5 })
    .capabilities('kill')
    .cwd('/a')
    .user(7)
  assert.is(JSON.stringify(base.plan()), before)
  assert.is.not(JSON.stringify(later.plan()), before)
})

test("namespaces: exactly these, all but these, and the network's two names", () => {
  const all = ['user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time']
  assert.equal(sandbox().plan().namespaces, all)
  assert.equal(sandbox().namespaces().plan().namespaces, all)
  assert.equal(sandbox().namespaces('pid', 'user').plan().namespaces, ['user', 'pid'])
  assert.equal(
    sandbox()
      .share(...(all as 'pid'[]))
      .plan().namespaces,
    [],
  )
  assert.equal(sandbox().share('net').share('time').plan().namespaces, ['user', 'mount', 'pid', 'ipc', 'uts', 'cgroup'])
  assert.equal(sandbox().network('host').plan(), sandbox().share('net').plan())
  assert.equal(sandbox().network('host').network('none').plan().namespaces, all)
})

test.run()
