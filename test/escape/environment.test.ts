// The environment that chooses what native code is loaded, where somebody else has chosen the environment.
import * as assert from 'uvu/assert'
import { runNode } from '../support/child.js'
import { command, root } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('escape: environment')

const LOAD = `
  import { nativeBinding } from './dist/binding.js'
  try { nativeBinding(); console.log('loaded') } catch (error) { console.log(error.code) }`
const env = { COFFERDAM_PREBUILD: '/nonexistent' }

test(
  'COFFERDAM_PREBUILD is not followed by a process that has more rights than its caller',
  async () => {
    const raised = await runNode(LOAD, { env, wrap: ['setpriv', '--ruid=12345'] })
    assert.is(raised.stdout, 'loaded\n', raised.stderr)
  },
  { needs: [root, command('setpriv')] },
)

test('COFFERDAM_PREBUILD is followed by any other', async () => {
  const plain = await runNode(LOAD, { env })
  assert.is(plain.stdout, 'ERR_SANDBOX_BINDING\n', plain.stderr)
  const without = await runNode(LOAD)
  assert.is(without.stdout, 'loaded\n', without.stderr)
})

test.run()
