// The ipc namespace: System V and POSIX message queues, semaphores and shared memory, in both directions.
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost } from '../support/ask.js'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('ipc', { warmUp: true })

type Seen = Record<'shm' | 'msg' | 'sem' | 'mqueue' | 'shmFile', string>

const all = (answer: string): Seen => ({ shm: answer, msg: answer, sem: answer, mqueue: answer, shmFile: answer })

/** A number that no other test run on this machine uses; whatever is made on the host under it goes with the test. */
function freshKey(t: TestContext, offset: number): number {
  const key = 0x0cff0000 + process.pid * 16 + offset
  t.cleanUp(() => askHost(`ipc-remove ${key}`))
  return key
}

async function see(recipe: Sandbox, key: number): Promise<Seen> {
  return (await ask<[Seen]>(recipe, `ipc-see ${key}`))[0]
}

test('nothing that the host has made is seen inside', async (t) => {
  const key = freshKey(t, 0)
  assert.equal(askHost<[Seen]>(`ipc-make ${key}`), [all('ok')])
  assert.equal(askHost<[Seen]>(`ipc-see ${key}`), [all('ok')])
  assert.equal(await see(box(), key), all('ENOENT'))
  assert.equal(await see(box().user(0), key), all('ENOENT'))
})

test('with a shared ipc namespace it is seen, but for the files of /dev/shm', async (t) => {
  const key = freshKey(t, 1)
  askHost(`ipc-make ${key}`)
  assert.equal(await see(box().share('ipc'), key), { ...all('ok'), shmFile: 'ENOENT' })
})

test('nothing that is made inside is seen on the host or in another sandbox', async (t) => {
  const key = freshKey(t, 2)
  const child = await spawnProbe(t, box(), ['ipc-make', `${key}`, ',', 'ipc-see', `${key}`, ',', 'sleep', '60'])
  assert.equal(
    (await firstText(child.stdout))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [all('ok'), all('ok')],
  )
  assert.equal(askHost<[Seen]>(`ipc-see ${key}`), [all('ENOENT')])
  assert.equal(await see(box(), key), all('ENOENT'))
})

test('an ipc namespace alone separates all but the files of /dev/shm', async (t) => {
  const key = freshKey(t, 3)
  askHost(`ipc-make ${key}`)
  const recipe = sandbox().namespaces('user', 'pid', 'ipc')
  const { stdout } = await recipe.run(`${probeRootfs}/probe`, ['ipc-see', `${key}`])
  assert.equal(JSON.parse(stdout), { ...all('ENOENT'), shmFile: 'ok' })
})

test('System V objects are gone with the sandbox', async (t) => {
  const key = freshKey(t, 4)
  assert.equal(await ask<[Seen]>(box(), `ipc-make ${key}`), [all('ok')])
  assert.equal(await see(box(), key), all('ENOENT'))
  assert.equal(askHost<[Seen]>(`ipc-see ${key}`), [all('ENOENT')])
})

test.run()
