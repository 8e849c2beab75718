// Subordinate ids: what the files grant, and the maps that follow from it.
import * as assert from 'uvu/assert'
import type { HostFacts } from '../../src/host-facts.js'
import { makePlan } from '../../src/plan.js'
import type { IdMapLine } from '../../src/plan-types.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { parseRanges, type SubordinateIds } from '../../src/subordinate-ids.js'
import { suite } from '../support/suite.js'
import { facts } from './facts.js'

const test = suite('subordinate ids')

const USER = { name: 'ada', uid: 1234, own: 1234 }
const WRITERS = { newuidmap: '/usr/bin/newuidmap', newgidmap: '/usr/bin/newgidmap' }
const ALWAYS: Recipe['subordinateIds'] = { use: 'always', callerId: undefined }

const granted = (uids: [number, number][], gids = uids): SubordinateIds => ({
  uids: uids.map(([first, count]) => ({ first, count })),
  gids: gids.map(([first, count]) => ({ first, count })),
  writers: WRITERS,
})

function plan(recipe: Partial<Recipe>, subordinateIds: SubordinateIds = granted([[100_000, 65_536]])) {
  const host: Partial<HostFacts> = { privileged: false, subordinateIds }
  return makePlan({ ...DEFAULT_RECIPE, ...recipe }, facts(host))
}

const triples = (map: readonly IdMapLine[]) => map.map(({ inside, outside, count }) => [inside, outside, count])
const pairs = (text: string, user = USER) => parseRanges(text, user).map(({ first, count }) => [first, count])

test('lines count that name the user or its number, in their order', () => {
  const text = 'bob:1:5\nada:200000:10\n1234:100000:20\nadam:7:7\n12345:9:9\n'
  assert.equal(pairs(text), [
    [200000, 10],
    [100000, 20],
  ])
})

test('lines that are none are passed over', () => {
  const lines = [
    '',
    '# ada:1:1',
    'ada',
    'ada:',
    'ada:1',
    'ada:1:',
    'ada::1',
    'ada:x:1',
    'ada:1:-1',
    'ada:1:1:1',
    'ada:0x5:1',
  ]
  const tooFar = ['ada:4294967295:1', 'ada:4294967290:100', `ada:${'9'.repeat(40)}:1`, 'ada:5:0']
  assert.equal(pairs([...lines, ...tooFar, 'ada:70000:3', ' ada:80000:3'].join('\n')), [[70000, 3]])
})

test('a file without a newline at its end, and with carriage returns, is read too', () => {
  assert.equal(pairs('ada:5:1\r\nada:9:2'), [
    [5, 1],
    [9, 2],
  ])
})

test('what is granted twice is used once, and the own id is left out', () => {
  assert.equal(pairs('ada:100:50\nada:120:50\nada:100:50\nada:90:100'), [
    [100, 50],
    [150, 20],
    [90, 10],
    [170, 20],
  ])
  assert.equal(pairs('ada:1230:10'), [
    [1230, 4],
    [1235, 5],
  ])
})

test('by default nothing is mapped but the caller, whatever is granted', () => {
  const { identity, warnings } = plan({})
  assert.equal(triples(identity.uidMap), [[1000, 1234, 1]])
  assert.is(identity.mapWriters, undefined)
  assert.ok(identity.denySetgroups && warnings.some((text) => text.includes('supplementary groups')))
})

test('the map has the command’s id as the caller, and granted ids around it', () => {
  const { identity, warnings, boot, unsupported } = plan({ subordinateIds: ALWAYS })
  const map = [
    [0, 100_000, 1000],
    [1000, 1234, 1],
    [1001, 101_000, 64_535],
  ]
  assert.equal([triples(identity.uidMap), triples(identity.gidMap)], [map, map])
  assert.equal([identity.hostUid, identity.hostGid], [1234, 1234])
  assert.equal(identity.mapWriters, WRITERS)
  assert.ok(identity.switchUser && !identity.denySetgroups)
  assert.equal([warnings, unsupported], [[], []])
  assert.not(boot.some(({ op }) => op === 'identity'))
  assert.ok(boot.some((step) => step.op === 'devpts' && step.options.endsWith(',gid=5')))
})

test('user and group of the command are placed each for itself', () => {
  const { identity } = plan({ user: { uid: 0, gid: 65_535 }, subordinateIds: ALWAYS })
  assert.equal(triples(identity.uidMap), [
    [0, 1234, 1],
    [1, 100_000, 65_535],
  ])
  assert.equal(triples(identity.gidMap), [
    [0, 100_000, 65_535],
    [65_535, 1234, 1],
  ])
})

test('the caller can be another id than the command', () => {
  const { identity } = plan({ user: { uid: 33, gid: 34 }, subordinateIds: { use: 'always', callerId: 0 } })
  assert.equal(triples(identity.uidMap), [
    [0, 1234, 1],
    [1, 100_000, 65_535],
  ])
  assert.equal([identity.uid, identity.hostUid, identity.gid, identity.hostGid], [33, 100_032, 34, 100_033])
})

test('several ranges follow one another, and the rest of the last is left', () => {
  const ids = granted([
    [500_000, 1000],
    [300_000, 10],
    [400_000, 100_000],
  ])
  assert.equal(triples(plan({ subordinateIds: ALWAYS }, ids).identity.uidMap), [
    [0, 500_000, 1000],
    [1000, 1234, 1],
    [1001, 300_000, 10],
    [1011, 400_000, 64_525],
  ])
})

test('short ranges end where they end, and the command is still there', () => {
  const ids = granted([[500_000, 10]])
  const { identity, unsupported, boot } = plan({ subordinateIds: ALWAYS }, ids)
  assert.equal(triples(identity.uidMap), [
    [0, 500_000, 10],
    [1000, 1234, 1],
  ])
  assert.equal(unsupported, [])
  assert.ok(boot.length > 0)
})

test('a command that no id is left for is refused by name', () => {
  const { unsupported } = plan({ subordinateIds: { use: 'always', callerId: 0 } }, granted([[500_000, 10]]))
  assert.equal(
    unsupported.map(({ feature }) => feature),
    ['user', 'user'],
  )
  assert.match(unsupported[0]?.reason ?? '', 'user 1000 is not among the 11 ids that /etc/subuid makes possible')
  assert.match(unsupported[1]?.reason ?? '', '/etc/subgid')
  assert.match(unsupported[0]?.hint ?? '', 'usermod --add-subuids')
})

for (const capability of ['chown', 'setuid', 'setgid'] as const) {
  test(`a recipe that keeps ${capability} has the full map where it can be had, and one id otherwise`, () => {
    const recipe = { capabilities: [capability] }
    assert.is(plan(recipe).identity.uidMap.length, 3)
    const without = plan(recipe, { problem: 'no.' })
    assert.equal([without.identity.uidMap.length, without.unsupported], [1, []])
    const never = plan({ ...recipe, subordinateIds: { use: 'never', callerId: undefined } })
    assert.is(never.identity.uidMap.length, 1)
  })
}

test('what cannot be had is refused with its reason and the remedy', () => {
  const { unsupported } = plan({ subordinateIds: ALWAYS }, { problem: 'newuidmap is not installed.' })
  assert.is(unsupported[0]?.feature, 'subordinateIds')
  assert.is(unsupported[0]?.reason, 'newuidmap is not installed.')
  assert.match(unsupported[0]?.hint ?? '', /package uidmap/)
})

test('root has its ids without, and is not asked for grants', () => {
  const host = facts({ subordinateIds: granted([[1, 1]]) })
  const { identity, unsupported } = makePlan({ ...DEFAULT_RECIPE, subordinateIds: ALWAYS }, host)
  assert.equal(triples(identity.uidMap), [[0, 100_000, 65_536]])
  assert.equal([identity.mapWriters, unsupported], [undefined, []])
})

test('limits that the command could raise itself, as the owner of its groups, are warned of', () => {
  const limits = { pids: 5 }
  const seccomp = { kind: 'off' } as const
  const warned = (recipe: Partial<Recipe>) => plan(recipe).warnings.some((text) => text.includes('raise its limits'))
  assert.equal(
    [warned({ limits, seccomp }), warned({ limits, seccomp, subordinateIds: ALWAYS }), warned({ seccomp })],
    [true, true, false],
  )
  assert.not(warned({ limits, seccomp, subordinateIds: { use: 'always', callerId: 0 } }))
  assert.not(warned({ limits }), 'the default filter refuses namespaces within')
  assert.not(
    makePlan({ ...DEFAULT_RECIPE, limits, seccomp }, facts()).warnings.some((text) =>
      text.includes('raise its limits'),
    ),
  )
})

test('an init that shares the host’s processes is shielded by an id that is mapped', () => {
  const recipe = { subordinateIds: ALWAYS, namespaces: DEFAULT_RECIPE.namespaces.filter((name) => name !== 'pid') }
  const shield = (ids?: SubordinateIds) => plan(recipe, ids).boot.find(({ op }) => op === 'shield')
  assert.equal(shield(), { op: 'shield', uid: 65_534 })
  assert.equal(shield(granted([[500_000, 10]])), { op: 'shield', uid: 1 })
  assert.equal(shield(granted([[500_000, 1]])), { op: 'shield', uid: 0 })
})

test.run()
