// Errors: classes, codes, and hints for the causes that are known.
import { constants } from 'node:os'
import * as assert from 'uvu/assert'
import { CAPABILITIES, capabilityMask, parseCapabilities } from '../../src/capabilities.js'
import {
  abortedError,
  captureOrigin,
  SandboxError,
  SandboxSetupError,
  SandboxUnsupportedError,
  withOrigin,
} from '../../src/errors.js'
import { readConditions } from '../../src/host/conditions.js'
import { setupError } from '../../src/setup-errors.js'
import { parseSignal, signalName } from '../../src/signals.js'
import type { SandboxStep } from '../../src/steps.js'
import { suite } from '../support/suite.js'
import { refusal } from './refusal.js'

const test = suite('errors')

const { errno } = constants

/** A host that gives no reason of its own: see refusals.test.ts for those that do. */
const PLAIN_HOST = () => readConditions('/nowhere')

const failure = (step: SandboxStep, number: number, subject = {}) =>
  setupError({ step, index: 0, errno: number, subject }, PLAIN_HOST)

test('a failed step has its name, index, path, errno and the errno’s name as code', () => {
  const error = setupError({ step: 'exec', index: 12, errno: errno.ENOENT, subject: { path: '/bin/nope' } })
  assert.instance(error, SandboxSetupError)
  assert.instance(error, SandboxError)
  if (!(error instanceof SandboxSetupError)) return
  const { name, step, index, path, code, sandboxCode } = error
  assert.equal(
    { name, step, index, path, code, sandboxCode, errno: error.errno },
    {
      name: 'SandboxSetupError',
      step: 'exec',
      index: 12,
      path: '/bin/nope',
      code: 'ENOENT',
      sandboxCode: 'ERR_SANDBOX_SETUP',
      errno: errno.ENOENT,
    },
  )
  assert.match(error.message, /step 'exec' failed with ENOENT \(no such file or directory\): \/bin\/nope\./)
})

const HINTS: [step: SandboxStep, number: number, subject: object, hint: RegExp][] = [
  ['exec', errno.ENOENT, { path: 'x' }, /in the rootfs/],
  ['exec', errno.ENOENT, { path: '/work', feature: 'cwd' }, /working directory/],
  ['exec', errno.EACCES, {}, /not executable/],
  ['exec', errno.ENOEXEC, {}, /wrong architecture/],
  ['clone', errno.EPERM, {}, /AppArmor/],
  ['id-map', errno.EPERM, {}, /AppArmor/],
  ['channel', errno.EMFILE, {}, /descriptors/],
  ['stdio', errno.EMFILE, {}, /descriptors/],
  ['bind-source', errno.ENOENT, {}, /optional/],
  ['switch', errno.EINVAL, {}, /switch_root/],
  ['overlay', errno.EINVAL, {}, /Linux 5\.19/],
  ['cgroup', errno.EACCES, {}, /Delegate=yes/],
  ['cgroup', errno.EROFS, {}, /mounted read-only/],
  ['cgroup', errno.ENOSPC, {}, /65535/],
  ['cgroup', errno.EAGAIN, {}, /cgroup\.max\.descendants/],
  ['cgroup', errno.ENOENT, {}, /removed from outside/],
  ['clone', errno.ENODEV, {}, /removed from outside/],
  ['start', errno.ENODEV, {}, /removed from outside/],
  ['start', errno.EBUSY, {}, /enabled controllers for groups below it/],
  ['cgroup-limit', errno.ENODEV, { feature: 'limits.io', path: 'io.max' }, /CPUs and disks/],
  ['workdir', errno.ENOSPC, {}, /no space, or no inode, left/],
  ['file', errno.EDQUOT, {}, /no space, or no inode, left/],
  ['clock-offset', errno.EACCES, {}, /Linux 6\.2/],
]

for (const [step, number, subject, hint] of HINTS) {
  test(`errno ${number} at ${step} with ${JSON.stringify(subject)} has a hint`, () => {
    const error = failure(step, number, subject)
    assert.match(error.hint ?? '', hint)
    assert.ok(error.message.endsWith(error.hint ?? '?'))
  })
}

test('a cause that is not known has no hint, and an errno that is not known has its number', () => {
  assert.is(failure('plan', errno.EIO).hint, undefined)
  assert.is(failure('plan', 9999).code, 'E9999')
  assert.is(failure('clone', errno.ESTALE).code, 'ESTALE')
})

test('a cgroup file that the kernel lacks is a missing feature', () => {
  const error = failure('cgroup-limit', errno.ENOENT, { path: 'io.weight', feature: 'priority.ioWeight' })
  assert.instance(error, SandboxUnsupportedError)
  assert.is(error.code, 'ERR_SANDBOX_UNSUPPORTED')
  assert.match(error.message, /priority\.ioWeight.*io\.weight/)
})

test('an abort has the signal’s reason as its cause', () => {
  const error = abortedError(AbortSignal.abort('enough'))
  assert.is(error.code, 'ERR_SANDBOX_ABORTED')
  assert.is(error.cause, 'enough')
})

test('an error that comes later leads to the call that caused it', async () => {
  function spawn() {
    return captureOrigin(spawn)
  }
  function theCallersFunction() {
    return spawn()
  }
  const origin = theCallersFunction()
  await new Promise((resolve) => setImmediate(resolve))
  const { stack = '' } = withOrigin(failure('exec', errno.ENOENT), origin)
  assert.match(stack, /^SandboxSetupError: The sandbox could not be set up/)
  assert.match(stack, /at theCallersFunction/)
  assert.not.match(stack, /at spawn/)
})

test('what a program said stands in the message of its step, with a hint of its own', () => {
  const said = 'newuidmap: uid range [0-5) -> [7-12) not allowed'
  const error = setupError({ step: 'id-map', index: 1, errno: errno.EPERM, subject: undefined, said })
  assert.match(error.message, `failed with EPERM (operation not permitted): ${said}. The ids must be granted`)
  assert.match(error.hint ?? '', "subordinateIds('never')")
  assert.match(failure('id-map', errno.EPERM).hint ?? '', 'user namespaces')
})

test('capabilities: with or without CAP_, in any case, each once, in the kernel’s order', () => {
  assert.equal(parseCapabilities(['NET_RAW', 'cap_chown', 'CAP_NET_RAW']), ['chown', 'net_raw'])
  assert.is(CAPABILITIES.length, 41)
  assert.equal(
    [capabilityMask([]), capabilityMask(['chown', 'setfcap', 'mac_override', 'checkpoint_restore'])],
    [
      [0, 0],
      [0x80000001, 0x101],
    ],
  )
})

test('signals by name and by number', () => {
  assert.equal([parseSignal('SIGTERM'), parseSignal(9), parseSignal(0), parseSignal(64)], [15, 9, 0, 64])
  assert.equal(
    [signalName(9), signalName(6), signalName(29), signalName(34), signalName(64)],
    ['SIGKILL', 'SIGABRT', 'SIGIO', 'SIGRTMIN+0', 'SIGRTMIN+30'],
  )
  assert.match(refusal(() => parseSignal('SIGTREM')).message, /Did you mean 'SIGTERM'/)
  assert.is(refusal(() => parseSignal('toString')).kind, 'TypeError')
  assert.is(refusal(() => parseSignal(65)).kind, 'RangeError')
  assert.is(refusal(() => parseSignal(-1)).kind, 'RangeError')
})

test.run()
