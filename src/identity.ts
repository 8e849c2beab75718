// Who the command is: ids inside, ids on the host, and the map between them.

import type { HostFacts } from './host-facts.js'
import type { PlanIdentity } from './plan-types.js'
import type { Recipe } from './recipe.js'

/** The first id on the host that a privileged caller's sandboxes use. */
export const FIRST_HOST_ID = 100_000
/** How many ids a privileged caller's sandbox has. */
export const HOST_ID_COUNT = 65_536

const DEFAULT_USER = { uid: 1000, gid: 1000 }

/** The identity of a recipe's command for this caller. */
export function planIdentity(recipe: Recipe, facts: HostFacts): PlanIdentity {
  if (!recipe.namespaces.includes('user')) {
    const { uid, gid } = facts
    return { uid, gid, hostUid: uid, hostGid: gid, uidMap: [], gidMap: [], denySetgroups: false, switchUser: false }
  }
  const { uid, gid } = recipe.user ?? DEFAULT_USER
  if (facts.privileged) {
    const map = [{ inside: 0, outside: FIRST_HOST_ID, count: HOST_ID_COUNT }]
    return {
      uid,
      gid,
      hostUid: FIRST_HOST_ID + uid,
      hostGid: FIRST_HOST_ID + gid,
      uidMap: map,
      gidMap: map,
      denySetgroups: false,
      switchUser: true,
    }
  }
  return {
    uid,
    gid,
    hostUid: facts.uid,
    hostGid: facts.gid,
    uidMap: [{ inside: uid, outside: facts.uid, count: 1 }],
    gidMap: [{ inside: gid, outside: facts.gid, count: 1 }],
    denySetgroups: true,
    switchUser: false,
  }
}
