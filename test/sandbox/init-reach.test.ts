// How far a command reaches its init, in each combination of ids, namespaces and capabilities, and what init still has.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sandbox, SandboxPool, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, toArguments } from '../support/ask.js'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { asCaller, unprivilegedCaller } from '../support/caller.js'
import { cgroup2, type Need, root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { suite } from '../support/suite.js'

const test = suite('reach of init', { warmUp: true })

/** What any command may try; each is refused. The texts change nothing should one be let in. */
const tries = (init: string, directory = `/proc/${init}`) => [
  ...['try-prlimit', 'try-affinity', 'try-idle', 'try-kcmp'].map((name) => `${name} ${init}`),
  ...['process', 'group'].flatMap((which) => [`try-setpriority ${which} ${init}`, `try-ioprio ${which} ${init}`]),
  ...['read', 'write'].map((way) => `try-vm ${way} ${init}`),
  `try-pidfd-getfd ${init} 3`,
  ...['mem', 'environ', 'maps', 'fd/3', 'root/proc'].map((file) => `try-open ${directory}/${file}`),
  ...['oom_score_adj', 'autogroup', 'coredump_filter', 'timerslack_ns'].map(
    (file) => `try-write ${directory}/${file} 0`,
  ),
]

const REFUSED = /^(EPERM|EACCES|EROFS)$/

async function refusesAll(recipe: Sandbox, commands: readonly string[]): Promise<void> {
  const answers = await ask(recipe, ...commands)
  const reached = commands.filter((_, i) => !REFUSED.test(answers[i] ?? ''))
  assert.equal(reached, [], answers.join(' '))
}

const WHO: [name: string, recipe: () => Sandbox, needs: Need[]][] = [
  ['the default user', () => box(), []],
  ['root inside', () => box().user(0), []],
  ["the host's root", () => box().share('user'), [root]],
  ['root inside with sys_ptrace', () => box().user(0).capabilities('sys_ptrace', 'dac_override'), [root]],
  ['a user with sys_ptrace', () => box().capabilities('sys_ptrace', 'dac_read_search'), [root]],
  ['root inside with kill', () => box().user(0).capabilities('kill'), [root]],
]

for (const [name, recipe, needs] of WHO) {
  test(
    `${name} can neither look into init nor limit it nor slow it down, without a filter either`,
    () => refusesAll(recipe().seccomp(process.getuid?.() === 0 ? 'off' : ALL_CALLS), [...tries('1'), 'try-ptrace 1']),
    { needs },
  )
}

/** A profile under which a caller with one id has its init guarded. */
const ALL_CALLS = { defaultAction: 'SCMP_ACT_ALLOW' } as const

test(
  'nor can the command of a caller without privileges, which has the id of its init',
  async () => {
    const recipes = [
      `box()`,
      `box().user(0)`,
      `box().seccomp('strict')`,
      `box().seccomp({ defaultAction: 'SCMP_ACT_ALLOW' })`,
      `box().user(0).seccomp({ defaultAction: 'SCMP_ACT_ALLOW' })`,
    ]
    const light = tries('1').filter((command) => !/vm|kcmp|pidfd|ioprio/.test(command))
    const answers = await asCaller<string[][]>(
      `const [light, all] = args.map((text) => text.split(';'))
       return Promise.all([${recipes.map((recipe, i) => `ask(${recipe}, ...${i < 3 ? 'light' : 'all'})`).join(',\n')}])`,
      light.join(';'),
      tries('1').join(';'),
    )
    for (const [i, found] of answers.entries())
      assert.equal(
        found.filter((answer) => !REFUSED.test(answer)),
        [],
        `${recipes[i]}: ${found.join(' ')}`,
      )
  },
  { needs: unprivilegedCaller },
)

test(
  'a program that limits an unguarded init cannot make it deaf: its end is reported, and comes with Node',
  async () => {
    const outcomes = await asCaller<string[]>(
      `const open = box().seccomp('off')
       const ended = await open.run('/probe', ['try-prlimit', '1'])
       const late = await open.limits({ wallTime: 300 }).run('/probe', ['try-prlimit', '1', ',', 'sleep', '20'])
       return [ended.outcome, late.outcome, String(open.plan().warnings.some((text) => text.includes('slow it down')))]`,
    )
    assert.equal(outcomes, ['exited', 'wall-time-limit', 'true'])
  },
  { needs: unprivilegedCaller },
)

for (const [name, recipe] of [
  ['the default user', () => sandbox().share('pid')],
  ['root inside', () => sandbox().share('pid').user(0)],
  ["the host's root", () => sandbox().share('pid', 'user')],
] as [string, () => Sandbox][]) {
  test(
    `${name} cannot among the processes of the host either`,
    async () => {
      const commands = tries('parent').filter((command) => !/ group |\/proc/.test(command))
      await refusesAll(recipe().bind(probe(), '/probe').seccomp('off'), commands)
    },
    { needs: [root, cgroup2] },
  )
}

const initOf = (pid: number) => Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
const field = (pid: number, name: string) =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
const CAP_KILL = 1n << 5n
/** dac_override, dac_read_search, kill, setgid, setuid, setpcap, sys_admin. */
const OF_A_BOX = (1n << 1n) | (1n << 2n) | CAP_KILL | (1n << 6n) | (1n << 7n) | (1n << 8n) | (1n << 21n)

function openFiles(pid: number): string[] {
  const all = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  return [...new Set(all)].map((target) => target.replace(/\[\d+\]$/, '')).sort()
}

for (const [name, recipe, uids] of [
  ['root inside', () => box().user(0), '165534\t165534\t165534\t100000'],
  ["the host's root", () => box().share('user'), '65534\t65534\t65534\t0'],
] as const) {
  test(
    `beside the command of ${name} init has an id of its own, one capability, and a channel`,
    async (t) => {
      const child = await spawnProbe(t, recipe(), ['say', 'x', ',', 'sleep', '20'])
      await firstText(child.stdout, '\n')
      const init = initOf(child.pid)
      assert.is(field(init, 'Uid'), uids)
      for (const set of ['CapPrm', 'CapEff']) assert.is(BigInt(`0x${field(init, set)}`), CAP_KILL, set)
      for (const set of ['CapInh', 'CapAmb']) assert.is(BigInt(`0x${field(init, set)}`), 0n, set)
      assert.equal(openFiles(init), ['anon_inode:[signalfd]', 'anon_inode:seccomp notify', 'socket:'])
    },
    { needs: root },
  )
}

test(
  'the init of a box has what its next commands take, and nothing of those that have ended',
  async (t) => {
    const open = await box()
      .landlock({ execute: ['/'] })
      .open()
    t.cleanUp(() => open.close())
    for (let round = 0; round < 3; round++) await open.run('/true')
    await open.run('/nowhere').catch(() => {})
    await open.onIdle()
    assert.is(BigInt(`0x${field(open.pid, 'CapPrm')}`), OF_A_BOX)
    const own = ['anon_inode:[landlock-ruleset]', 'anon_inode:[signalfd]', 'socket:']
    // A failure is told before what was lent for the command is closed.
    const deadlineMs = performance.now() + 5000
    // The place of the next command has been made by then or not.
    const held = () => openFiles(open.pid).filter((file) => !file.endsWith('/cgroup.kill'))
    while (`${held()}` !== `${own}` && performance.now() < deadlineMs) await sleep(10)
    assert.equal(held(), own)
    assert.ok(openFiles(open.pid).length <= own.length + 1, openFiles(open.pid).join())
  },
  { needs: [root, cgroup2] },
)

test(
  'the init of a box that a pool keeps holds nothing of earlier runs open',
  async (t) => {
    const recipe = sandbox().bind(probe(), '/probe')
    assert.ok(recipe.plan().resettable)
    const pool = new SandboxPool({ recipe, concurrency: 1, warm: 1, reuse: true })
    t.cleanUp(() => pool.close())
    for (let round = 0; round < 4; round++) await pool.run('/probe', ['say', 'x'])
    const child = await pool.spawn('/probe', ['say', 'x', ',', 'sleep', '20'])
    t.cleanUp(() => child[Symbol.asyncDispose]())
    await firstText(child.stdout, '\n')
    const files = readdirSync(`/proc/${initOf(child.pid)}/fd`).map((fd) =>
      readlinkSync(`/proc/${initOf(child.pid)}/fd/${fd}`),
    )
    assert.is(files.filter((target) => target === '/').length, 0, files.join(' '))
    assert.is(files.filter((target) => target.includes('seccomp')).length, 1, files.join(' '))
  },
  { needs: [root, cgroup2] },
)

test(
  'a command that stops whatever appears in its box stops neither init nor the clocks',
  async (t) => {
    const open = await box({ wallTime: 1500 }).open()
    t.cleanUp(() => open.close())
    const hostile = await open.spawn('/probe', ['stop-others', '60'])
    t.cleanUp(() => hostile[Symbol.asyncDispose]())
    await firstText(hostile.stdout, '\n')
    const others = Array.from({ length: 8 }, () => open.run('/true').catch((error) => error))
    assert.is((await hostile.wait()).outcome, 'wall-time-limit')
    for (const other of await Promise.all(others)) {
      const how =
        other instanceof Error
          ? `${(other as { step?: string }).step} ${(other as { code?: string }).code}`
          : other.outcome
      assert.ok(['exited', 'wall-time-limit', 'start EINTR'].includes(how), how)
    }
    assert.is((await open.run('/probe', toArguments(['say alive']))).stdout, 'alive\n')
  },
  { needs: cgroup2, timeoutMs: 40_000 },
)

test('what cannot be protected is a warning', () => {
  const warns = (recipe: Sandbox, text: string) => recipe.plan().warnings.some((one) => one.includes(text))
  const bare = sandbox().rootfs(probeRootfs)
  const isRoot = process.getuid?.() === 0
  assert.is(warns(bare.capabilities('sys_ptrace'), 'trace its init'), !isRoot)
  assert.ok(warns(bare.share('user').capabilities('sys_ptrace'), 'trace its init'))
  assert.is(
    warns(
      bare
        .share('user')
        .capabilities('sys_ptrace')
        .landlock({ execute: ['/'] }),
      'trace its init',
    ),
    false,
  )
  assert.ok(warns(bare.share('pid').capabilities('kill'), 'stop and end its init'))
  assert.is(
    warns(
      bare
        .share('pid')
        .capabilities('kill')
        .landlock({ scope: ['signal'] }),
      'stop and end',
    ),
    false,
  )
  assert.is(warns(bare.share('pid'), 'stop and end its init'), !isRoot)
  assert.is(warns(bare, 'init'), false)
})

test.run()
