// The installed package inside the tools that load modules in a way of their own: test runners and a bundler.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { emptyProject, must, npmInstall, pack } from '../support/package.js'
import { suite, type TestContext } from '../support/suite.js'

const CHECK = `
  const { stdout } = await sandbox().run('echo', ['inside'])
  expect(stdout).toBe('inside\\n')`

const test = suite('tools')

test(
  'Jest runs several test files with it, in one process and in several',
  async (t) => {
    const project = await projectWith(t, 'jest@30')
    files(
      project,
      'jest',
      ['a.test.js', 'b.test.js', 'c.test.js'],
      `import { sandbox } from 'cofferdam'\ntest('it runs', async () => {${CHECK}})`,
    )
    // As Jest's manual has it for ES modules. It evaluates the package anew for each file, with the same addon.
    const env = { ...process.env, NODE_OPTIONS: '--experimental-vm-modules' }
    for (const how of ['--runInBand', '--maxWorkers=2']) {
      const { code, stderr } = await run(
        'node',
        ['node_modules/jest/bin/jest.js', '--rootDir=jest', '--cacheDirectory=cache', how],
        {
          cwd: project,
          env,
        },
      )
      assert.is(code, 0, stderr)
      assert.match(stderr, /^Tests: +3 passed, 3 total$/m)
    }
  },
  { timeoutMs: 240_000 },
)

test(
  'Vitest runs several test files with it, in processes, threads and contexts',
  async (t) => {
    const project = await projectWith(t, 'vitest@4')
    files(
      project,
      'vitest',
      ['a.test.js', 'b.test.js', 'c.test.js'],
      `import { expect, test } from 'vitest'\nimport { sandbox } from 'cofferdam'\ntest('it runs', async () => {${CHECK}})`,
    )
    for (const pool of ['forks', 'threads', 'vmThreads']) {
      const args = ['node_modules/vitest/vitest.mjs', 'run', '--root=vitest', `--pool=${pool}`]
      const stdout = await must('node', args, project, { ...process.env, NO_COLOR: '1' })
      assert.match(stdout, /^ +Tests +3 passed \(3\)$/m, pool)
    }
  },
  { timeoutMs: 240_000 },
)

test(
  'esbuild leaves it outside of a bundle of either format, or takes its JavaScript and leaves the addon',
  async (t) => {
    const project = await projectWith(t, 'esbuild@0.28')
    writeFileSync(
      join(project, 'app.js'),
      `import { sandbox } from 'cofferdam'
       sandbox().run('echo', ['bundled']).then(({ stdout }) => console.log(stdout.trim()))`,
    )
    const bundle = async (output: string, ...options: string[]) => {
      const args = ['app.js', '--bundle', '--platform=node', `--outfile=${output}`, '--log-level=warning', ...options]
      await must(join(project, 'node_modules/.bin/esbuild'), args, project)
      assert.is(await must('node', [output], project), 'bundled\n')
    }
    await bundle('out/outside.mjs', '--format=esm', '--external:cofferdam')
    await bundle('out/outside.cjs', '--format=cjs', '--external:cofferdam')
    await bundle('out/inside.mjs', '--format=esm')
  },
  { timeoutMs: 120_000 },
)

test.run()

/** Lines of the tools that still run on Node 20. */
async function projectWith(t: TestContext, tool: string): Promise<string> {
  const { path } = await pack(t)
  const project = emptyProject(t)
  await npmInstall(project, [path, tool])
  return project
}

function files(project: string, directory: string, names: readonly string[], text: string): void {
  mkdirSync(join(project, directory), { recursive: true })
  for (const name of names) writeFileSync(join(project, directory, name), text)
}
