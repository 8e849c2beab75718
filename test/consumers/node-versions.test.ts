// The installed package on each Node that it is for: imported, required, and in worker threads.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { emptyProject, must, npmInstall, pack } from '../support/package.js'
import { suite, type TestContext } from '../support/suite.js'

/** The oldest that can require() an ES module without a flag, and the newest of each later line. */
const VERSIONS = ['20.19.0', '22', '24']

const PROGRAMS = {
  'import.mjs': `
    import { sandbox } from 'cofferdam'
    const { stdout, ok } = await sandbox().run('echo', ['imported'])
    console.log(ok, stdout.trim())`,
  'require.cjs': `
    const { sandbox } = require('cofferdam')
    sandbox().run('echo', ['required']).then(({ stdout, ok }) => console.log(ok, stdout.trim()))`,
  'both.cjs': `
    const required = require('cofferdam')
    import('cofferdam').then((imported) =>
      console.log(Object.keys(required).filter((name) => required[name] !== imported[name]).length, required.sandbox === imported.sandbox))`,
  'workers.mjs': `
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { sandbox } from 'cofferdam'
    const start = (job) => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: job })
    const answers = await Promise.all([1, 2, 3, 4].map(async (job) => (await once(start(job), 'message'))[0]))
    // Each is terminated while it starts sandboxes without end.
    const endless = [1, 2, 3].map(() => start('endless'))
    await Promise.all(endless.map((worker) => once(worker, 'message')))
    await Promise.all(endless.map((worker) => worker.terminate()))
    const { stdout } = await sandbox().run('echo', ['and here'])
    console.log(answers.join(), stdout.trim())`,
  'worker.mjs': `
    import { parentPort, workerData } from 'node:worker_threads'
    import { sandbox } from 'cofferdam'
    if (workerData === 'endless') {
      for (;;) {
        const going = [1, 2, 3, 4].map(() => sandbox().run('true'))
        parentPort.postMessage('going')
        await Promise.all(going)
      }
    }
    const { stdout } = await sandbox().run('echo', ['worker', String(workerData)])
    parentPort.postMessage(stdout.trim())`,
}

const test = suite('on each Node')

test(
  'it is imported, required, and used by several workers, of which some are terminated in the middle',
  async (t) => {
    const project = await projectWithNodes(t)
    for (const version of VERSIONS) {
      const node = join(project, 'node_modules', alias(version), 'bin/node')
      const use = (program: keyof typeof PROGRAMS) => must(node, [program], project)
      assert.match(await must(node, ['--version'], project), new RegExp(`^v${version.replaceAll('.', '\\.')}\\b`))
      assert.is(await use('import.mjs'), 'true imported\n', version)
      assert.is(await use('require.cjs'), 'true required\n', version)
      assert.is(await use('both.cjs'), '0 true\n', version)
      assert.is(await use('workers.mjs'), 'worker 1,worker 2,worker 3,worker 4 and here\n', version)
    }
  },
  { timeoutMs: 240_000 },
)

test.run()

async function projectWithNodes(t: TestContext): Promise<string> {
  const { path } = await pack(t)
  const project = emptyProject(t)
  // What the package `node` installs for this platform.
  const nodes = VERSIONS.map((version) => `${alias(version)}@npm:node-linux-${process.arch}@${version}`)
  await npmInstall(project, [path, ...nodes])
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(project, name), text)
  return project
}

function alias(version: string): string {
  return `node-${version.replaceAll('.', '-')}`
}
