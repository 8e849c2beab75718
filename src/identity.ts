// Who the command is: ids inside, ids on the host, and the map between them.
//
// Root maps a range of its own. Any other caller may write a map of one id, its own, without help; for more it needs
// subordinate ids and newuidmap and newgidmap, which are started for each sandbox. Those two cost several times what all the
// rest of a start does (measured: 3 to 8 ms on the pair, against about 1), and most recipes gain nothing: a program
// that has one id and may not change it sees no difference, but for the owners of foreign files. So the full map is for
// recipes that use it: those that keep a capability to change ids or owners, and those that say so.
//
// Whichever map it is, the command's own id inside is the caller on the host: a recipe does not lose access to the caller's
// files because the administrator has granted ids. Root inside is then the first subordinate id, whom none of the
// caller's files belong to, unless the recipe says user(0). That is also the map of rootless podman, and `callerId: 0`
// gives it to a command that is not root inside.

import type { CapabilityName } from './capabilities.js'
import type { HostFacts } from './host-facts.js'
import type { IdMapLine, PlanIdentity, Unsupported } from './plan-types.js'
import type { Recipe } from './recipe.js'
import type { IdRange } from './subordinate-ids.js'

/** The first id on the host that a privileged caller's sandboxes use. */
export const FIRST_HOST_ID = 100_000
/** How many ids a privileged caller's sandbox has, and any other's at most. */
export const HOST_ID_COUNT = 65_536

const DEFAULT_USER = { uid: 1000, gid: 1000 }
/** Capabilities that are of use only where there is more than one id. */
const NEED_IDS: readonly CapabilityName[] = ['chown', 'setuid', 'setgid']

const REMEDY =
  'Install newuidmap and newgidmap (package uidmap on Debian and Ubuntu, shadow-utils on Fedora), and have root grant ids: ' +
  'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER.'

/** Whether an id of the namespace has one on the host. */
export function isMapped(map: readonly IdMapLine[], id: number): boolean {
  return map.some(({ inside, count }) => id >= inside && id < inside + count)
}

function onHost(map: readonly IdMapLine[], id: number): number | undefined {
  const line = map.find(({ inside, count }) => id >= inside && id < inside + count)
  return line && line.outside + id - line.inside
}

/** The ids 0, 1, 2... in the order of the ranges, as far as they reach, around the one that is the caller's. */
function layOut(own: { inside: number; outside: number }, ranges: readonly IdRange[]): IdMapLine[] {
  const lines: IdMapLine[] = []
  let next = 0
  for (let { first, count } of ranges) {
    while (count > 0 && next < HOST_ID_COUNT) {
      if (next === own.inside) next++
      const size = Math.min(count, (next < own.inside ? own.inside : HOST_ID_COUNT) - next)
      if (size > 0) lines.push({ inside: next, outside: first, count: size })
      next += size
      first += size
      count -= size
    }
  }
  return [...lines, { ...own, count: 1 }].sort((a, b) => a.inside - b.inside)
}

function wantsSubordinateIds({ subordinateIds, capabilities }: Recipe): boolean {
  if (subordinateIds.use !== 'auto') return subordinateIds.use === 'always'
  return capabilities.some((name) => NEED_IDS.includes(name))
}

// The map with the help of newuidmap, if the recipe wants it and the host has it.
function fullIdentity(recipe: Recipe, facts: HostFacts): PlanIdentity | undefined {
  if (!wantsSubordinateIds(recipe)) return undefined
  const granted = facts.subordinateIds
  if ('problem' in granted) return undefined
  const { uid, gid } = recipe.user ?? DEFAULT_USER
  const { callerId } = recipe.subordinateIds
  const uidMap = layOut({ inside: callerId ?? uid, outside: facts.uid }, granted.uids)
  const gidMap = layOut({ inside: callerId ?? gid, outside: facts.gid }, granted.gids)
  return {
    uid,
    gid,
    // Where an id is not mapped the plan is not carried out.
    hostUid: onHost(uidMap, uid) ?? facts.uid,
    hostGid: onHost(gidMap, gid) ?? facts.gid,
    uidMap,
    gidMap,
    mapWriters: granted.writers,
    // newgidmap leaves setgroups(2) allowed when it maps granted ids: then groups can be dropped.
    denySetgroups: false,
    switchUser: true,
  }
}

/** The identity of a recipe's command for this caller. */
export function planIdentity(recipe: Recipe, facts: HostFacts): PlanIdentity {
  const plain = { mapWriters: undefined, denySetgroups: false, switchUser: false }
  if (!recipe.namespaces.includes('user')) {
    const { uid, gid } = facts
    return { uid, gid, hostUid: uid, hostGid: gid, uidMap: [], gidMap: [], ...plain }
  }
  const { uid, gid } = recipe.user ?? DEFAULT_USER
  if (facts.privileged) {
    const map = [{ inside: 0, outside: FIRST_HOST_ID, count: HOST_ID_COUNT }]
    return {
      ...plain,
      uid,
      gid,
      hostUid: FIRST_HOST_ID + uid,
      hostGid: FIRST_HOST_ID + gid,
      uidMap: map,
      gidMap: map,
      switchUser: true,
    }
  }
  const full = fullIdentity(recipe, facts)
  if (full) return full
  return {
    ...plain,
    uid,
    gid,
    hostUid: facts.uid,
    hostGid: facts.gid,
    uidMap: [{ inside: uid, outside: facts.uid, count: 1 }],
    gidMap: [{ inside: gid, outside: facts.gid, count: 1 }],
    denySetgroups: true,
  }
}

/** Whether init can have an id that is not the command's: a caller with a single one gives it to both. */
export function hasOwnInitId(facts: Pick<HostFacts, 'privileged'>, identity: PlanIdentity): boolean {
  return facts.privileged || identity.mapWriters !== undefined
}

/** What the recipe asks of ids that this caller cannot have. */
export function unsupportedIds(recipe: Recipe, facts: HostFacts, identity: PlanIdentity): Unsupported[] {
  if (facts.privileged || identity.uidMap.length === 0) return []
  if (recipe.subordinateIds.use === 'always' && !identity.mapWriters) {
    const granted = facts.subordinateIds
    const reason = 'problem' in granted ? granted.problem : 'no ids are granted.'
    return [{ feature: 'subordinateIds', reason, hint: REMEDY }]
  }
  const { uid, gid, uidMap, gidMap } = identity
  const checks = [
    ['user', uid, uidMap, '/etc/subuid'],
    ['group', gid, gidMap, '/etc/subgid'],
  ] as const
  return checks
    .filter(([, id, map]) => !isMapped(map, id))
    .map(([what, id, map, file]) => {
      const total = map.reduce((sum, { count }) => sum + count, 0)
      const reason = `${what} ${id} is not among the ${total} ids that ${file} makes possible.`
      return { feature: 'user', reason, hint: `Choose a lower id, or have root grant more ids. ${REMEDY}` }
    })
}
