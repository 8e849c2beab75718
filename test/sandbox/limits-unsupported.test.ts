// A caller without rights over cgroups: what cannot be enforced is refused by name, what can be works.
import * as assert from 'uvu/assert'
import { ended } from '../support/command.js'
import { anyUser } from '../support/host.js'
import { suite } from '../support/suite.js'
import { startVictim } from '../support/victims.js'

const test = suite('unsupported limits', { warmUp: true })
const NOBODY = 65534

/** Every option that only a cgroup can enforce or count, and the feature that its error names. */
const ASKED = {
  'limits.memory': "limits({ memory: '64MiB' })",
  'limits.memoryHigh': "limits({ memoryHigh: '64MiB' })",
  'limits.oomGroup': 'limits({ oomGroup: true })',
  'limits.swap': "limits({ swap: '64MiB' })",
  'limits.pids': 'limits({ pids: 10 })',
  'limits.cpu': 'limits({ cpu: 0.5 })',
  'limits.cpuset': 'limits({ cpuset: [0] })',
  'limits.cpuTime': 'limits({ cpuTime: 1000 })',
  'limits.io': "limits({ io: { device: '8:0', writeBps: 1000 } })",
  'priority.cpuWeight': 'priority({ cpuWeight: 50 })',
  'priority.ioWeight': 'priority({ ioWeight: 50 })',
  'measure.memory': "measure('memory')",
  'measure.pids': "measure('pids')",
  'measure.io': "measure('io')",
}

async function asNobody<T>(source: string): Promise<T> {
  const { code, stdout, stderr } = await ended(startVictim(source, { uid: NOBODY, env: { HOME: '/' } }))
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

test(
  'each one is a SandboxUnsupportedError that names the feature and a remedy, and nothing runs',
  async () => {
    const recipes = Object.entries(ASKED).map(([feature, call]) => `'${feature}': box.${call}`)
    const answers = await asNobody<Record<string, { name: string; feature: string; hint: string; message: string }>>(`
      const answers = {}
      for (const [feature, recipe] of Object.entries({ ${recipes.join(', ')} })) {
        const outcome = await recipe.run('/true').catch((error) => error)
        const { name, feature: named, hint, message, outcome: ran } = outcome
        answers[feature] = { name, feature: named, hint, message, ran, planned: recipe.plan().unsupported[0]?.feature }
      }
      console.log(JSON.stringify(answers))`)
    for (const feature of Object.keys(ASKED)) {
      const { name, feature: named, hint, message } = answers[feature] ?? {}
      assert.is(name, 'SandboxUnsupportedError', `${feature}: ${JSON.stringify(answers[feature])}`)
      assert.is(named, feature)
      assert.ok((hint ?? '').length > 20, hint)
      assert.match(message ?? '', feature)
    }
  },
  { needs: anyUser },
)

test(
  'limits that need no cgroup hold for such a caller',
  async () => {
    const answers = await asNobody<unknown>(`
      const run = async (recipe, ...args) => {
        const { outcome, signal, limitsExceeded, stdout } = await recipe.run('/probe', args)
        return [outcome, signal, limitsExceeded.join(), stdout.length]
      }
      console.log(JSON.stringify([
        await run(box.limits({ wallTime: 200 }), 'orphan', '60', ',', 'sleep', '60'),
        await run(box.limits({ output: 100 }), 'write-forever'),
        await run(box.limits({ fileSize: 100 }), 'write-file', '/tmp/file', '101'),
        await run(box.limits({ openFiles: 10 }), 'open-many'),
        await run(box.priority({ nice: 5 }), 'exit', '0'),
      ].map(([outcome, signal, limits]) => [outcome, limits])))`)
    assert.equal(answers, [
      ['wall-time-limit', 'wallTime'],
      ['output-limit', 'output'],
      ['signaled', 'fileSize'],
      ['exited', ''],
      ['exited', ''],
    ])
  },
  { needs: anyUser },
)

test(
  'usage without a cgroup is what the kernel tells of the processes, and undefined where it does not',
  async () => {
    const usage = await asNobody<Record<string, number>>(`
      const { usage } = await box.run('/probe', ['in-child', 'spin', '200'])
      console.log(JSON.stringify(usage))`)
    assert.ok((usage.cpuTimeMs ?? 0) >= 195, `${usage.cpuTimeMs} ms of a child that was waited for`)
    assert.not('pidsPeak' in usage)
  },
  { needs: anyUser },
)

test(
  'control that needs a cgroup is refused by name on a live sandbox',
  async () => {
    const answers = await asNobody<unknown>(`
      const child = await box.spawn('/probe', ['sleep', '60'])
      const refusal = (promise) => promise.then(() => 'done', ({ name, feature }) => [name, feature])
      const stats = await child.stats()
      console.log(JSON.stringify([
        await refusal(child.freeze()), await refusal(child.thaw()), await refusal(child.setLimits({ memory: '1GiB' })),
        Object.values(stats).filter((figure) => figure !== undefined).length,
        child.cgroup.path ?? 'no path',
        child.kill('SIGKILL'), (await child.wait()).signal,
      ]))`)
    const unsupported = (feature: string) => ['SandboxUnsupportedError', feature]
    assert.equal(answers, [...['freeze()', 'thaw()', 'limits.memory'].map(unsupported), 0, 'no path', true, 'SIGKILL'])
  },
  { needs: anyUser },
)

test.run()
