// Meeting another run: what one leaves or offers, the next looks for.
import type { Sandbox } from 'cofferdam'
import { firstText } from '../../support/boxes.js'
import { root } from '../../support/host.js'
import { type Attack, type Play, spoken, verdictOf } from '../attack.js'
import { anotherRun } from '../stage.js'

const NUMBER = String(process.pid)

/** One run leaves it, in the default recipe or what the control makes of it; the next looks. */
const meet =
  (attack: string, prepare: (recipe: Sandbox) => Sandbox = (same) => same): Play =>
  async ({ recipe }) => {
    const left = await prepare(recipe).run('/attack', [attack, 'leave', NUMBER])
    if (!/: left$/m.test(left.stdout)) return verdictOf(left)
    return verdictOf(await prepare(recipe).run('/attack', [attack, 'find', NUMBER]))
  }

/** The same with the host's own, where it must be taken away again. */
const meetOnHost =
  (attack: string): Play =>
  async (scene) => {
    scene.t.cleanUp(() => scene.recipe.run('/attack', [`remove-${attack}`, NUMBER]))
    return meet(attack)(scene)
  }

/** In one box: two commands that share all but their control groups. */
const meetInBox =
  (attack: string): Play =>
  async ({ t, recipe }) => {
    const box = await recipe.open()
    t.cleanUp(() => box.close())
    await box.run('/attack', [attack, 'leave', NUMBER])
    return verdictOf(await box.run('/attack', [attack, 'find', NUMBER]))
  }

const abstractSocket: Play = async ({ t, recipe }) => {
  const other = await anotherRun(t, recipe.seccomp('default'), `abstract leave ${NUMBER}`)
  await firstText(other.stdout, '\n')
  const result = await recipe.run('/attack', ['abstract', 'find', NUMBER])
  return spoken(result.stdout) ?? verdictOf(result)
}

export const IPC: readonly Attack[] = [
  {
    name: 'System V shared memory, queues and semaphores of another run',
    wall: 'the IPC namespace',
    play: meet('system-v'),
    expect: { default: /^\w+: ENOENT(, \w+: ENOENT)*$/, strict: 'violation shmget' },
    control: {
      how: "with the host's IPC shared",
      weaken: (recipe) => recipe.share('ipc'),
      play: meetOnHost('system-v'),
    },
  },
  {
    name: 'POSIX queues and shared memory of another run',
    wall: 'the IPC namespace, and a /dev/shm of its own',
    play: meet('posix'),
    expect: { default: 'mq_open: ENOENT, shm_open: ENOENT', strict: 'violation mq_open' },
    control: { how: "with the host's IPC shared", weaken: (recipe) => recipe.share('ipc'), play: meetOnHost('posix') },
  },
  {
    name: 'keys of another run',
    wall: 'seccomp; without it keyrings belong to a user namespace (keyrings(7))',
    play: meet('keys'),
    expect: { default: 'violation add_key', strict: 'violation add_key', off: 'keyctl: ENOKEY' },
    control: {
      how: 'in one box, without a filter',
      weaken: (recipe) => recipe.seccomp('off'),
      play: meetInBox('keys'),
    },
  },
  {
    name: 'an abstract socket of another run',
    wall: 'the network namespace',
    play: abstractSocket,
    expect: { default: 'connect: ECONNREFUSED', strict: 'socket: EPERM' },
    control: { how: "with the host's network shared", weaken: (recipe) => recipe.share('net'), needs: [root] },
  },
]
