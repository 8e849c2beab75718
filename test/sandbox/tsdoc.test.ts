// The examples in the documentation of what is exported can be carried out, as they are: with stand-ins for the files and
// the objects that they speak of. types.test.ts sees to it that they compile.
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { startNode } from '../support/child.js'
import { ended } from '../support/command.js'
import { cgroup2, command, controller, landlock, root } from '../support/host.js'
import { kernelFrom } from '../support/kinds.js'
import { staticTrue } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'
import { documentedExamples, EXPORTS } from '../support/tsdoc.js'

/** Where examples keep their files; all of it is below a directory of the test. */
const IMAGES = ['/images/debian', '/images/python', '/home/me/image']
const DIRECTORIES = ['/srv/tests', '/tmp/out', '/var/lib/job-7']
const PROGRAM = '/srv/submission'
const PROFILE = '/etc/docker/seccomp.json'
const TOOLS: Readonly<Record<string, string>> = {
  server: 'sleep 60',
  client: 'echo answer',
  solve: 'cat',
  check: 'cat "$1"',
}

/** What examples call by a name, and how a test comes by it. */
const OBJECTS: Readonly<Record<string, string>> = {
  box: 'sandbox()',
  recipe: 'sandbox()',
  child: "owned(await sandbox().limits({ memory: '64MiB', cpu: 1 }).spawn('cat'))",
  result: "await sandbox().run('true')",
  error: "await sandbox().run('/no/such/program').catch((error) => error)",
  openBox: 'owned(await tools.open())',
  pool: 'owned(new SandboxPool({ recipe: tools, concurrency: 1 }))',
  inputs: "['b\\na\\n', 'c\\n']",
  file: "'/etc/passwd'",
}

const test = suite('documented examples', { warmUp: true })

test(
  'every example of the types can be carried out',
  async (t) => {
    const stage = makeStage(t)
    // It would move the caller of the test into another group: delegate-cgroup.test.ts has one to spare for it.
    const examples = documentedExamples().filter(({ code }) => !code.includes('delegateCgroup'))
    assert.ok(examples.length > 40, `only ${examples.length} examples were found`)

    const blocks = examples.map(({ origin, code }) => asBlock(origin, inStage(code, stage)))
    const program = startNode(preamble(stage) + blocks.join('\n') + ENDING)
    t.cleanUp(() => program.kill('SIGKILL'))
    const { code, stdout, stderr } = await ended(program)
    const told = stdout.split('\n').filter((line) => /^(done|failed): /.test(line))
    assert.equal(
      told.filter((line) => line.startsWith('failed')),
      [],
      stderr,
    )
    assert.is(code, 0, stderr)
    assert.is(told.length, examples.length)
  },
  {
    needs: [root, cgroup2, controller('memory'), controller('cpu'), controller('pids'), command('python3'), landlock],
    only: kernelFrom(6, 7), // some show TCP ports in rules of Landlock
    timeoutMs: 60_000,
  },
)

test.run()

function makeStage(t: TestContext): string {
  const stage = t.tempDir()
  const enter = (...parts: string[]) => {
    const directory = join(stage, ...parts)
    mkdirSync(directory, { recursive: true })
    chmodSync(directory, 0o755)
    return directory
  }
  for (const path of [...IMAGES, ...DIRECTORIES, '/etc/docker', '/bin']) enter(path)
  for (const image of IMAGES) {
    enter(image, 'etc/ssl')
    copyFileSync(staticTrue(), join(enter(image, 'bin'), 'true'))
  }
  copyFileSync(staticTrue(), join(stage, PROGRAM))
  writeFileSync(join(stage, PROFILE), JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW' }))
  for (const [name, script] of Object.entries(TOOLS))
    writeFileSync(join(stage, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return stage
}

/** With the files of the stage; a target inside keeps its name. */
function inStage(code: string, stage: string): string {
  const paths = [...IMAGES, ...DIRECTORIES, PROFILE].reduce(
    (text, path) => text.replaceAll(`'${path}'`, `'${stage}${path}'`),
    code,
  )
  return paths.replaceAll(`bind('${PROGRAM}')`, `bind('${stage}${PROGRAM}', '${PROGRAM}')`)
}

function asBlock(origin: string, code: string): string {
  const names = new Set(code.match(/\b[A-Za-z]\w*\b/g))
  const objects = Object.entries(OBJECTS).filter(([name]) => names.has(name) && !declares(code, name))
  const given = objects.map(([name, value]) => `const ${name} = ${value}`).join('\n')
  // Node 20 does not know `using`.
  const body = code.replaceAll(/^(\s*)await using (\w+) = (.*)$/gm, '$1const $2 = owned($3)')
  // An example of one expression shows a recipe, or what becomes of one.
  const shown =
    code.startsWith('sandbox()') && !code.includes('\n') ? `await show(${body.replace(/ \/\/.*/, '')})` : body
  return `await carryOut(${JSON.stringify(origin)}, async () => {\n${given}\n${shown}\n})`
}

function declares(code: string, name: string): boolean {
  return new RegExp(`\\b(?:const|using) (?:\\{[^}]*\\b)?${name}\\b|catch \\(${name}\\)|\\(${name}\\) =>`).test(code)
}

function preamble(stage: string): string {
  return `
    import { ${EXPORTS.join(', ')}, Sandbox } from 'cofferdam'
    import { spawn } from 'node:child_process'
    import { readFile } from 'node:fs/promises'
    import { PassThrough } from 'node:stream'
    const stand = spawn('sleep', ['120']) // whom an example adopts instead of the test's own parent
    const real = globalThis.process
    const process = { ppid: stand.pid, env: real.env, stdout: new PassThrough().resume() }
    const console = { log() {}, error() {} }
    const tools = sandbox().bind(${JSON.stringify(join(stage, 'bin'))}, '/opt/bin').env({ PATH: '/opt/bin:/usr/bin:/bin' })
    let mine = []
    function owned(value) {
      mine.push(value)
      return value
    }
    async function show(value) {
      const seen = await value
      if (seen instanceof Sandbox) (await seen.run('/bin/true')).throwIfFailed()
      else seen.throwIfFailed()
    }
    async function carryOut(origin, example) {
      try {
        await example()
        globalThis.console.log('done: ' + origin)
      } catch (error) {
        globalThis.console.log('failed: ' + origin + ': ' + error.message + ' ' + (error.hint ?? ''))
      }
      for (const value of mine.reverse()) await value[Symbol.asyncDispose]()
      mine = []
    }
  `
}

const ENDING = "\nstand.kill('SIGKILL')\n"
