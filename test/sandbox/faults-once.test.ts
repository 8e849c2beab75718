// What a process does once, for its first sandbox, fails: it says so, and the second sandbox is made as if it were the
// first. Each fault has a Node process of its own; see faults.test.ts for all the rest.
import * as assert from 'uvu/assert'
import { probeRootfs } from '../support/boxes.js'
import { runNode } from '../support/child.js'
import { type Call, count, fail, type Role, stopCounting } from '../support/faults.js'
import { cgroup2, root } from '../support/host.js'
import { suite } from '../support/suite.js'

const test = suite('faults of a first sandbox')

const TWO = `
  import { sandbox } from 'cofferdam'
  const recipe = sandbox().rootfs(process.argv[1]).limits({ pids: 8 })
  const run = () => recipe.run('/true').then(
    (result) => result.outcome,
    ({ step, code, message }) => step ? step + ' ' + code : message)
  console.log(JSON.stringify([await run(), await run()]))
`

async function twoSandboxes(): Promise<[first: string, second: string]> {
  const { stdout, stderr, code, signal } = await runNode(TWO, { args: [probeRootfs] })
  if (stderr !== '') throw new Error(`${code} ${signal}: ${stderr}`)
  return JSON.parse(stdout)
}

/** Who makes which calls for the first time: the last of a count of them, or all. */
const FIRST: readonly (readonly [role: Role, name: string, last: number])[] = [
  // Node makes threads and the like, too, but before: those of the package are the last ones.
  ['main', 'clone3', 3],
  ['main', 'epoll_create1', 1],
  ['main', 'eventfd2', 1],
  ['spawner', 'clone3', Infinity],
  ['spawner', 'memfd_create', Infinity],
  ['spawner', 'fcntl', 6],
  ['spawner', 'flock', Infinity],
  ['spawner', 'getdents64', 2],
  ['spawner', 'socketpair', Infinity],
]

test(
  'each call for it',
  async () => {
    count()
    assert.equal(await twoSandboxes(), ['exited', 'exited'])
    const { counts } = stopCounting()
    const calls = FIRST.flatMap(([role, name, last]): Call[] => {
      const times = counts.find((one) => one.role === role && one.name === name)?.count ?? 0
      const tried = Math.min(times, last, 8)
      return Array.from({ length: tried }, (_, i) => ({ role, name, number: (last < 8 ? times - tried : 0) + i }))
    })
    const steps = new Set<string>()
    for (const call of calls) {
      fail(call)
      const [first, second] = await twoSandboxes()
      const { failed } = stopCounting()
      const what = `${call.role} ${call.name} ${call.number}: ${first}, ${second}`
      if (failed > 0) for (const answer of [first, second]) steps.add(answer.split(' ')[0] ?? '')
      const answers = [first, second].filter((answer) => answer !== 'exited')
      assert.ok(answers.length <= 1 && answers.every((answer) => /^[a-z-]+ E[A-Z]+$/.test(answer)), what)
    }
    for (const step of ['request', 'clone', 'channel']) assert.ok(steps.has(step), [...steps].join())
  },
  { needs: [root, cgroup2], timeoutMs: 120_000 },
)

test.run()
