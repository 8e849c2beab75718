// Callers that are not root and have been granted subordinate ids: a full map, by newuidmap and newgidmap.
import * as assert from 'uvu/assert'
import { askHost, type Ids, type NamespaceIds, type Pids } from '../support/ask.js'
import { CALLER, callerSuite } from '../support/caller.js'
import { asGranted, FIRST, GRANTED, NAME, subordinateIds } from '../support/subordinate.js'

const test = callerSuite('rootless')
const needs = subordinateIds

const words = (lines: readonly string[]) => lines.map((line) => line.trim().split(/\s+/).map(Number))
const ids = (uid: number, gid = uid): Ids => ({ uid: [uid, uid, uid], gid: [gid, gid, gid], groups: [] })

test(
  'a sandbox has all eight namespaces, and 65536 ids with the caller among them',
  async (t) => {
    const [namespaces, pids, user, loopback, ...maps] = await asGranted<
      [NamespaceIds, Pids, Ids, string, string, string, string, string, string, string]
    >(
      t,
      GRANTED,
      `return ask(box().subordinateIds('always'), 'ns', 'pids', 'ids', 'bind-loopback',
        'read /proc/self/uid_map', 'read /proc/self/gid_map')`,
    )
    const [host] = askHost<[NamespaceIds]>('ns')
    assert.equal(
      Object.keys(host).filter((name) => namespaces[name] === host[name]),
      [],
    )
    assert.equal(pids, { self: 2, parent: 1, group: 2, session: 2, visible: [1, 2] })
    assert.equal([user, loopback], [ids(1000), 'ok'])
    const map = (first: number) => [
      [0, first, 1000],
      [1000, CALLER, 1],
      [1001, first + 1000, 64_535],
    ]
    assert.equal(words(maps), [...map(FIRST.uid), ...map(FIRST.gid)])
  },
  { needs },
)

test(
  'the plan shows the map and who writes it, and the map is that one',
  async (t) => {
    const { identity, seen } = await asGranted<{
      identity: { uidMap: { inside: number; outside: number; count: number }[]; mapWriters: object }
      seen: string[]
    }>(
      t,
      GRANTED,
      `const recipe = box().user(7).subordinateIds('always')
      return { identity: recipe.plan().identity, seen: await ask(recipe, 'read /proc/self/uid_map') }`,
    )
    assert.equal(
      identity.uidMap.map(({ inside, outside, count }) => [inside, outside, count]),
      words(seen),
    )
    assert.equal(identity.mapWriters, { newuidmap: '/usr/bin/newuidmap', newgidmap: '/usr/bin/newgidmap' })
  },
  { needs },
)

test(
  'a recipe that has no use for other ids keeps the map of one, which needs no program',
  async (t) => {
    const answers = await asGranted<string[]>(
      t,
      { ...GRANTED, newuidmap: '#!/bin/sh\nexit 1\n' },
      `return ask(box(), 'read /proc/self/uid_map').then(async (map) => [
        ...map, ...await ask(box().user(0).capabilities('net_bind_service'), 'read /proc/self/uid_map')])`,
    )
    assert.equal(words(answers), [
      [1000, CALLER, 1],
      [0, CALLER, 1],
    ])
  },
  { needs },
)

test(
  'root inside is the first granted id, or the caller when the recipe says so',
  async (t) => {
    const body = (recipe: string) => `
      const { readFileSync } = await import('node:fs')
      const child = await ${recipe}.spawn('/probe', ['sleep', '60'])
      const status = readFileSync('/proc/' + child.pid + '/status', 'utf8')
      await child[Symbol.asyncDispose]()
      return status`
    const full = "box().subordinateIds('always')"
    const four = (id: number) => Array(4).fill(id).join('\t')
    const asUser = await asGranted<string>(t, GRANTED, body(full))
    assert.match(asUser, `Uid:\t${four(CALLER)}\nGid:\t${four(CALLER)}\n`)
    const asRoot = await asGranted<string>(t, GRANTED, body(`${full}.user(0)`))
    assert.match(asRoot, `Uid:\t${four(CALLER)}\nGid:\t${four(CALLER)}\n`)
    const other = await asGranted<string>(
      t,
      GRANTED,
      body("box().user(33, 34).subordinateIds('always', { callerId: 0 })"),
    )
    assert.match(other, `Uid:\t${four(FIRST.uid + 32)}\nGid:\t${four(FIRST.gid + 33)}\n`)
  },
  { needs },
)

test(
  "the caller's supplementary groups are dropped, which a map of one id cannot",
  async (t) => {
    const [full, single, set] = await asGranted<[Ids, Ids, string]>(
      t,
      { ...GRANTED, groups: [4, 24] },
      `return [
        ...await ask(box().subordinateIds('always'), 'ids'),
        ...await ask(box(), 'ids'),
        ...await ask(box().subordinateIds('always').capabilities('setgid'), 'try-setgroups')]`,
    )
    assert.equal(full.groups, [])
    assert.is(single.groups.length, 2)
    assert.is(set, 'ok')
  },
  { needs },
)

test(
  'with the capabilities for it the command becomes other users; without ids of its own it cannot',
  async (t) => {
    const answers = await asGranted<[string, Ids, string]>(
      t,
      GRANTED,
      `return [
        ...await ask(box().user(0).capabilities('setuid'), 'try-setuid 33', 'ids'),
        ...await ask(box().user(0).capabilities('setuid').subordinateIds('never'), 'try-setuid 33')]`,
    )
    assert.equal(answers, ['ok', { uid: [33, 33, 33], gid: [0, 0, 0], groups: [] }, 'EINVAL'])
  },
  { needs },
)

test(
  'the hardening is the same',
  async (t) => {
    const [process, caps, signals, fds, environment, tty] = await asGranted<
      [Record<string, number>, Record<string, string>, object, object, string[], string]
    >(t, GRANTED, `return ask(box().subordinateIds('always'), 'process', 'caps', 'sigs', 'fds', 'env', 'tty')`)
    assert.equal([process.noNewPrivileges, process.umask], [1, 0o022])
    assert.equal(new Set(Object.values(caps)), new Set(['0000000000000000']))
    assert.equal(signals, { blocked: [], ignored: [], handled: [] })
    assert.equal(Object.keys(fds), ['0', '1', '2'])
    assert.equal([environment, tty], [[], 'ENXIO'])
  },
  { needs },
)

test(
  'init is out of reach for every user inside',
  async (t) => {
    const recipes = ['', '.user(0)', ".user(0).capabilities('kill', 'setuid')", '.user(33)']
    for (const part of recipes) {
      const callerId = part.includes('33') ? ', { callerId: 0 }' : ''
      const answers = await asGranted<string[]>(
        t,
        GRANTED,
        `return ask(box()${part}.seccomp('off').subordinateIds('always'${callerId}),
          'try-open /proc/1/mem', 'try-open /proc/1/root', 'try-ptrace 1', 'try-kill 1 9', 'try-kill 1 19', 'sleep 0.05', 'say alive')`,
      )
      assert.equal(answers.slice(0, 2), ['EACCES', 'EACCES'], part)
      assert.is(answers[2], 'EPERM', part)
      assert.is(answers.at(-1), 'alive', part)
    }
  },
  { needs },
)

test(
  'several ranges, by name and by number, are used in their order, and bad lines are passed over',
  async (t) => {
    const lines = ['# granted', '', 'nonsense', `${NAME}:x:5`, `${NAME}:1500000:300`, `${CALLER}:1600000:70000`]
    const text = `${lines.join('\n')}\n`
    const maps = await asGranted<string[]>(
      t,
      { subuid: text, subgid: text },
      `return ask(box().user(0).subordinateIds('always'), 'read /proc/self/uid_map', 'read /proc/self/gid_map')`,
    )
    const map = [
      [0, CALLER, 1],
      [1, 1_500_000, 300],
      [301, 1_600_000, 65_235],
    ]
    assert.equal(words(maps), [...map, ...map])
  },
  { needs },
)

test(
  'fifty at once have their maps, and nothing of them is left',
  async (t) => {
    const { outputs, descriptors, children } = await asGranted<{
      outputs: string[]
      descriptors: [number, number]
      children: string
    }>(
      t,
      GRANTED,
      `const { readdirSync, readFileSync } = await import('node:fs')
      const recipe = box().user(0).subordinateIds('always')
      const round = (count) => Promise.all(Array.from({ length: count }, () => recipe.run('/probe', ['cat', '/proc/self/uid_map'])))
      const settled = () => new Promise((done) => setTimeout(done, 300))
      await round(4)
      await settled()
      const before = readdirSync('/proc/self/fd').length
      const results = await round(50)
      await settled()
      return {
        outputs: [...new Set(results.map(({ stdout, ok }) => ok + stdout))],
        descriptors: [before, readdirSync('/proc/self/fd').length],
        children: readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'),
      }`,
    )
    assert.is(outputs.length, 1, outputs.join())
    assert.match(outputs[0] ?? '', /^true/)
    assert.ok(descriptors[1] <= descriptors[0], descriptors.join(' -> '))
    assert.is(children, '')
  },
  { needs, timeoutMs: 60_000 },
)

test.run()
