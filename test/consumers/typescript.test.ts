// The installed package in TypeScript projects of each kind of module resolution, with the compiler of this checkout and with
// an older one.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { emptyProject, npmInstall, pack } from '../support/package.js'
import { suite } from '../support/suite.js'

const OURS = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
/** The first that lets a CommonJS file require() an ES module (nodenext). */
const OLDER = '5.8'

const PROGRAM = `
  import { type SandboxResult, sandbox, SandboxError } from 'cofferdam'
  export async function use(): Promise<number | undefined> {
    try {
      const result: SandboxResult = await sandbox().limits({ memory: '64MiB' }).run('true')
      return result.outcome === 'exited' ? result.exitCode : undefined
    } catch (error) {
      throw error instanceof SandboxError ? new Error(error.code) : error
    }
  }`
/** What must not compile: a limit that there is not. */
const WRONG = `import { sandbox } from 'cofferdam'\nsandbox().limits({ memroy: '64MiB' })`

const KINDS = [
  { module: 'node16', moduleResolution: 'node16', extensions: ['mts'] },
  { module: 'nodenext', moduleResolution: 'nodenext', extensions: ['mts', 'cts'] },
  { module: 'esnext', moduleResolution: 'bundler', extensions: ['ts'] },
]

const test = suite('TypeScript consumers')

test(
  'its types are found, and check, with node16, nodenext and bundler resolution',
  async (t) => {
    const { path } = await pack(t)
    const project = emptyProject(t)
    await npmInstall(project, [path, `typescript@${OLDER}`, '@types/node@20'])
    for (const compiler of [OURS, join(project, 'node_modules/typescript/bin/tsc')]) {
      for (const { extensions, ...resolution } of KINDS) {
        const names = extensions.flatMap((extension) => [`use.${extension}`, `wrong.${extension}`])
        for (const name of names) writeFileSync(join(project, name), name.startsWith('use') ? PROGRAM : WRONG)
        const compilerOptions = {
          ...{ ...resolution, target: 'es2022', strict: true, noEmit: true, types: ['node'] },
          // Declarations of the package are checked, too; with what their own use of the language asks for.
          ...{ skipLibCheck: false, lib: ['es2023', 'esnext.disposable'] },
        }
        writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }))
        const { stdout } = await run(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], { cwd: project })
        const errors = stdout.split('\n').filter((line) => line.includes('error TS'))
        const what = `${compiler === OURS ? 'our compiler' : OLDER}, ${resolution.moduleResolution}: ${stdout}`
        assert.is(errors.length, extensions.length, what)
        for (const error of errors) assert.match(error, /^wrong\.[cm]?ts.*memroy/, what)
      }
    }
  },
  { timeoutMs: 240_000 },
)

test.run()
