// init, seen by the command that it watches: it can neither be looked into nor touched nor got round.
import { type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, toArguments } from '../support/ask.js'
import { box } from '../support/boxes.js'
import { cgroup2, root } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('supervisor', { warmUp: true })

const RECIPES: [name: string, recipe: () => Sandbox, needsRoot: boolean][] = [
  ['the default user', () => box(), false],
  ['root inside', () => box().user(0), false],
  ["the host's root", () => box().share('user'), true],
]

// Root inside may open some of these, since they are its own by their mode; reading is what the kernel refuses then.
const FILES = [
  'mem',
  'environ',
  'auxv',
  'maps',
  'smaps',
  'stack',
  'syscall',
  'io',
  'personality',
  'task/1/mem',
  'fd/3',
  'exe',
]
const LINKS = ['exe', 'root', 'cwd', 'fd/0', 'fd/3', 'ns/user', 'ns/mnt', 'task/1/root']
const DIRECTORIES = ['root', 'cwd', 'fdinfo', 'task/1/cwd', 'root/proc']
const WRITABLE = {
  mem: 'x',
  uid_map: '0 0 1',
  setgroups: 'deny',
  comm: 'x',
  timerslack_ns: '1',
  oom_score_adj: '-1000',
  oom_adj: '-17',
  'attr/current': 'x',
}

/** Runs one command of the probe, which must fail because it may not. */
async function refused(recipe: Sandbox, ...args: string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await recipe.run('/probe', args)
  assert.is(`${exitCode} ${stdout}`, '1 ', args.join(' '))
  assert.match(stderr, /: (EACCES|EPERM|EINVAL|EROFS)\n$/, args.join(' '))
}

for (const [name, recipe, needsRoot] of RECIPES) {
  const options = needsRoot ? { needs: root } : {}

  test(
    `${name} can read nothing of init that is secret`,
    async () => {
      for (const file of FILES) await refused(recipe(), 'read', `/proc/1/${file}`)
      for (const link of LINKS) await refused(recipe(), 'readlink', `/proc/1/${link}`)
      for (const directory of DIRECTORIES) await refused(recipe(), 'ls', `/proc/1/${directory}`)
      assert.equal(await ask(recipe(), 'readlink /proc/self/exe', 'try-open /proc/1/status'), ['/probe', 'ok'])
    },
    options,
  )

  test(
    `${name} can change nothing of init`,
    async () => {
      for (const [file, text] of Object.entries(WRITABLE)) await refused(recipe(), 'write', `/proc/1/${file}`, text)
    },
    options,
  )

  test(
    `${name} can neither trace nor end nor stop init`,
    async () => {
      const [traced] = await ask(recipe().seccomp('off'), 'try-ptrace 1')
      assert.is(traced, 'EPERM')
      // A signal may be sent where ids are alike; process 1 does not take it.
      for (const signal of [9, 15, 19, 6]) {
        const result = await recipe().run('/probe', toArguments([`try-kill 1 ${signal}`, 'sleep 0.05', 'say alive']))
        assert.is(result.outcome, 'exited', result.explain())
        assert.match(result.stdout, /^(ok|EPERM)\nalive\n$/)
      }
      const limited = await recipe()
        .limits({ wallTime: 300 })
        .run('/probe', toArguments(['try-kill 1 19', 'sleep 20']))
      assert.is(limited.outcome, 'wall-time-limit')
    },
    options,
  )

  test(
    `${name} can make the kernel prefer itself as a victim, and not the contrary`,
    async () => {
      await ask(recipe(), 'write /proc/self/oom_score_adj 500')
      for (const file of ['oom_score_adj', 'oom_adj']) {
        const { stderr } = await recipe().run('/probe', ['write', `/proc/self/${file}`, '-17'])
        assert.match(stderr, 'EACCES', file)
      }
    },
    options,
  )
}

/** Recipes whose command shares its process ids with the host's, and perhaps its user id with init. */
const AMONG_HOST: [name: string, recipe: () => Sandbox][] = [
  ['the default user', () => sandbox().share('pid')],
  ['root inside', () => sandbox().share('pid').user(0)],
  ["the host's root", () => sandbox().share('pid', 'user')],
]

for (const [name, recipe] of AMONG_HOST) {
  for (const signal of ['KILL', 'STOP', 'TERM']) {
    test(
      `${name} cannot SIG${signal} init, also not without a pid namespace`,
      async (t) => {
        const script = `kill -${signal} $PPID 2>/dev/null; sleep 0.1; echo alive; sleep 20`
        const limited = recipe().limits({ wallTime: 500 })
        const child = await limited.spawn('sh', ['-c', script], { stdin: 'ignore', stderr: 'ignore' })
        t.cleanUp(() => child[Symbol.asyncDispose]())
        child.stdout?.resume()
        const result = await child.wait()
        assert.is(result.outcome, 'wall-time-limit', result.explain())
        assert.ok(result.usage.wallTimeMs < 3000)
      },
      { needs: [root, cgroup2] },
    )
  }

  test(
    `${name} cannot trace or look into init, also not without a pid namespace`,
    async () => {
      const script = 'for f in mem environ root fd/3 exe; do head -c1 /proc/$PPID/$f 2>&1; done'
      const { stdout } = await recipe().run('sh', ['-c', script])
      const denials = stdout.trim().split('\n')
      assert.is(denials.length, 5, stdout)
      assert.equal(
        denials.filter((line) => !/Permission denied/.test(line)),
        [],
      )
    },
    { needs: [root, cgroup2] },
  )
}

test.run()
