// What the recipe's methods accept and refuse.
import { Sandbox, type SandboxPlan, sandbox } from 'cofferdam'
import { expectType, type Same } from './expect.js'

const recipe = sandbox()
expectType<Sandbox>(recipe)

// Every method gives a recipe, so they chain in any order.
expectType<Sandbox>(
  recipe
    .namespaces('user', 'mount', 'pid')
    .share('net')
    .hostname('inside')
    .clockOffset({ monotonic: '1h', boottime: 5000 })
    .network('none')
    .rootfs('/srv/root')
    .rootfs(['/srv/base', '/srv/top'], { mode: 'overlay', size: '64MiB', switch: 'pivot_root' })
    .rootfs(['/srv/base'] as const, { upper: '/srv/upper' })
    .bind('/srv/data')
    .bind('/srv/data', '/data', { writable: true, optional: true })
    .tmpfs('/scratch', { size: 4096, mode: 0o700 })
    .file('/etc/motd', 'hello', { mode: 0o444 })
    .file('/etc/blob', new Uint8Array(4))
    .symlink('/data', '/d')
    .mask('/proc/kcore')
    .cwd('/')
    .env({ LANG: 'C', GONE: undefined })
    .user(1000)
    .user(1000, 100)
    .subordinateIds('auto')
    .subordinateIds('always', { callerId: 0 })
    .limits({ cpu: 0.5, cpuTime: '1.5s', wallTime: 2000, memory: '256MiB', swap: 'max', pids: 10, output: 'max' })
    .limits({ io: { device: '/', readBps: '1MiB' }, cpuset: [0, 1] })
    .priority({ cpuWeight: 50, ioWeight: 50, nice: 5 })
    .capabilities('CAP_NET_BIND_SERVICE'),
)

// @ts-expect-error no such namespace
recipe.namespaces('network')
// @ts-expect-error no such namespace
recipe.share('mnt')
// @ts-expect-error no such network
recipe.network('bridge')
// @ts-expect-error no such mode
recipe.rootfs('/', { mode: 'rw' })
// @ts-expect-error a rootfs is named
recipe.rootfs()
// @ts-expect-error no such limit
recipe.limits({ ram: 1 })
// @ts-expect-error unlimited is 'max'
recipe.limits({ pids: 'unlimited' })
// @ts-expect-error no such profile
recipe.seccomp('none')
// @ts-expect-error a profile has a default
recipe.seccomp({ syscalls: [] })
// @ts-expect-error an argument is chosen by its number
recipe.seccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ action: 'SCMP_ACT_LOG', args: [{ index: '0' }] }] })
// @ts-expect-error a variable is a string
recipe.env({ COUNT: 1 })
// @ts-expect-error a file has content
recipe.file('/etc/motd')
// @ts-expect-error no such use
recipe.subordinateIds(true)
// @ts-expect-error ids are numbers
recipe.user('nobody')

// A recipe does not change, and is no promise: `await` on it must not start anything.
expectType<Same<'then' extends keyof Sandbox ? true : false, false>>(true)

const plan: SandboxPlan = recipe.plan()
for (const key of Object.keys(plan) as (keyof SandboxPlan)[]) {
  // @ts-expect-error a plan does not change
  plan[key] = undefined
}

// The class is exported for `instanceof` and for types.
export const isRecipe: boolean = recipe instanceof Sandbox
