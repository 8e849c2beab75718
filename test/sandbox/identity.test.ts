// user(): who the command is, inside and on the host.
import { readFileSync } from 'node:fs'
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, type Ids, type Pids, toArguments } from '../support/ask.js'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { cgroup2, root } from '../support/host.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('identity', { warmUp: true })

function idsOf(uid: number, gid: number = uid): Ids {
  return { uid: [uid, uid, uid], gid: [gid, gid, gid], groups: [] }
}

/** The lines of /proc/<pid>/status that tell ids, as the host sees them: real, effective, saved, file system. */
async function onHost(t: TestContext, recipe: Sandbox): Promise<{ uid: string; gid: string; groups: string }> {
  const child = await spawnProbe(t, recipe, ['say', 'ready', ',', 'sleep', '60'])
  await firstText(child.stdout)
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const line = (name: string) => new RegExp(`^${name}:\\t(.*?)\\s*$`, 'm').exec(status)?.[1] ?? ''
  return { uid: line('Uid'), gid: line('Gid'), groups: line('Groups') }
}

const four = (id: number) => [id, id, id, id].join('\t')

test('the command is user 1000 of group 1000, without further groups', async () => {
  assert.equal(await ask<[Ids]>(box(), 'ids'), [idsOf(1000)])
})

test('user() names another one, its group alike unless told', async () => {
  assert.equal(await ask<[Ids]>(box().user(0), 'ids'), [idsOf(0)])
  assert.equal(await ask<[Ids]>(box().user(7), 'ids'), [idsOf(7)])
  assert.equal(await ask<[Ids]>(box().user(5, 6), 'ids'), [idsOf(5, 6)])
})

for (const [name, uid, gid] of [
  ['the default user', 1000, 1000],
  ['root inside', 0, 0],
  ['user(5, 6)', 5, 6],
  ['the last id of the map', 65_535, 65_535],
] as const) {
  test(
    `on the host ${name} is nobody that the host knows`,
    async (t) => {
      const recipe = uid === 1000 ? box() : box().user(uid, gid)
      assert.equal(await onHost(t, recipe), { uid: four(100_000 + uid), gid: four(100_000 + gid), groups: '' })
      assert.equal(await ask<[Ids]>(recipe, 'ids'), [idsOf(uid, gid)])
    },
    { needs: root },
  )
}

test(
  'ids 0 to 65535 inside are ids from 100000 on outside, and no others exist',
  async () => {
    const maps = await ask(box(), 'read /proc/self/uid_map', 'read /proc/self/gid_map')
    assert.equal(
      maps.map((line) => line.trim().split(/\s+/)),
      [
        ['0', '100000', '65536'],
        ['0', '100000', '65536'],
      ],
    )
    // With every right to change ids, an id without a map cannot be taken.
    const setuid = box().user(0).capabilities('setuid')
    assert.equal(await ask(setuid, 'try-setuid 65535'), ['ok'])
    assert.equal(await ask(setuid, 'try-setuid 65536'), ['EINVAL'])
    assert.equal(await ask(setuid, 'try-setuid 100000'), ['EINVAL'])
  },
  { needs: root },
)

test(
  'nobody inside can become another user or join a group',
  async () => {
    assert.equal(await ask(box(), 'try-setuid 0', 'try-setgroups'), ['EPERM', 'EPERM'])
    assert.equal(await ask(box().user(0), 'try-setuid 1', 'try-setgroups'), ['EPERM', 'EPERM'])
  },
  { needs: root },
)

test(
  "none of the caller's supplementary groups is inherited",
  async () => {
    const { stdout, stderr } = await runNode(
      `import { sandbox } from 'cofferdam'
       process.setgroups([4, 20, 44])
       const ids = async (recipe, file) => JSON.parse((await recipe.run(file, ['ids'])).stdout).groups
       console.log(JSON.stringify({
         caller: process.getgroups(),
         inside: await ids(sandbox().rootfs(process.argv[1]), '/probe'),
         root: await ids(sandbox().rootfs(process.argv[1]).user(0), '/probe'),
         sharedUser: await ids(sandbox().rootfs(process.argv[1]).share('user'), '/probe'),
         noNamespace: await ids(
           sandbox().share('user', 'mount', 'net', 'ipc', 'uts', 'cgroup', 'time'), process.argv[1] + '/probe'),
       }))`,
      { args: [probeRootfs] },
    )
    assert.is(stderr, '')
    const { caller, ...others } = JSON.parse(stdout)
    assert.equal(
      [4, 20, 44].filter((group) => !caller.includes(group)),
      [],
    )
    assert.equal(others, { inside: [], root: [], sharedUser: [], noNamespace: [] })
  },
  { needs: root },
)

test(
  "without a user namespace the command has the caller's ids, and the plan warns of it",
  async (t) => {
    const recipe = box().share('user')
    assert.equal(await ask<[Ids]>(recipe, 'ids'), [idsOf(0)])
    assert.equal(await onHost(t, recipe), { uid: four(0), gid: four(0), groups: '' })
    assert.match(recipe.plan().warnings.join('\n'), "host's root")
  },
  { needs: root },
)

test(
  'a user namespace alone gives the ids just as well',
  async () => {
    const recipe = sandbox().namespaces('user')
    const result = await recipe.user(5, 6).run(`${probeRootfs}/probe`, toArguments(['ids', 'pids']))
    const [ids, pids] = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)) as [Ids, Pids]
    assert.equal(ids, idsOf(5, 6))
    assert.ok(pids.visible.includes(process.pid))
  },
  { needs: [root, cgroup2] },
)

test('the default root knows the user by name', async () => {
  assert.is((await sandbox().run('id', ['-un'])).stdout, 'user\n')
  assert.is((await sandbox().user(42).run('id', ['-un'])).stdout, 'user\n')
  assert.is((await sandbox().user(0).run('id', ['-un'])).stdout, 'root\n')
})

test.run()
