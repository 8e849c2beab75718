// README.md and the pages of docs/ do what they say: every JavaScript block of them is run as a program, and prints what its
// comments promise (`// → text`, one line each). Blocks that are marked `no-run` only have to compile, which types.test.ts
// sees to. A shell block that promises something (`# → text`) is run, too; all others are text to be read.
import { Box, Sandbox, SandboxPool, SandboxProcess, sandbox, TerminalProcess } from 'cofferdam'
import * as assert from 'uvu/assert'
import { runNode } from '../support/child.js'
import { shell } from '../support/cli.js'
import { cgroup2, command, controller, cpuClock, landlock, type Need } from '../support/host.js'
import { type Kind, kernelFrom } from '../support/kinds.js'
import { blocksOf, DOCUMENTS, deadLinks, linksOf, readDocument, shellBlocksOf } from '../support/markdown.js'
import { suite } from '../support/suite.js'

const REFERENCE = readDocument('docs/reference.md')
/** Pages that are not about one task. */
const GENERAL = ['README.md', 'docs/README.md', 'docs/reference.md', 'docs/requirements.md', 'docs/performance.md']

// What a block needs of the host, told by what it says.
const NEEDS: readonly [says: RegExp, need: Need][] = [
  [/\bmemory:/, controller('memory')],
  [/\bpids:/, controller('pids')],
  [/\bcpuTime:/, cpuClock],
  [/\.freeze\(/, cgroup2],
  [/\.open\(\)/, cgroup2],
  [/'cc'/, command('cc')],
  [/\.landlock\(/, landlock],
  [/--memory \d/, controller('memory')],
  [/--pids /, controller('pids')],
  [/\bnpx /, command('bash')],
]

// Kinds of hosts that have what a block shows, told by what it says.
const KINDS: readonly [says: RegExp, kind: Kind][] = [
  [/\.clockOffset\(/, kernelFrom(6, 2)],
  [/connectTcp:/, kernelFrom(6, 7)],
]

const test = suite('README', { warmUp: true })

for (const { origin, code, runs } of DOCUMENTS.flatMap(blocksOf)) {
  if (!runs) continue
  const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line)
  const needs = NEEDS.filter(([says]) => says.test(code)).map(([, need]) => need)
  test(
    `${origin} prints what it promises`,
    async () => {
      const { code: exitCode, stdout, stderr } = await runNode(code)
      assert.is(stderr, '')
      assert.is(exitCode, 0)
      assert.equal(stdout.trimEnd().split('\n'), promised)
    },
    { needs, only: KINDS.filter(([says]) => says.test(code)).map(([, kind]) => kind), timeoutMs: 30_000 },
  )
}

for (const { origin, code, promised } of DOCUMENTS.flatMap(shellBlocksOf)) {
  const needs = NEEDS.filter(([says]) => says.test(code)).map(([, need]) => need)
  test(
    `${origin} prints what it promises`,
    async () => {
      const { code: exitCode, stdout, stderr } = await shell(code)
      assert.is(stderr, '')
      assert.is(exitCode, 0)
      assert.equal(stdout.trimEnd().split('\n'), promised)
    },
    { needs, timeoutMs: 30_000 },
  )
}

test('there are blocks to run, and each of them promises something', () => {
  const blocks = ['README.md', 'docs/reference.md'].flatMap(blocksOf).filter(({ runs }) => runs)
  assert.ok(blocks.length >= 10, `only ${blocks.length} blocks were found`)
  for (const { origin, code, runs } of DOCUMENTS.flatMap(blocksOf)) {
    if (runs) assert.match(code, '// → ', origin)
  }
})

test('every page of a task begins with a whole program that is run', () => {
  const tasks = DOCUMENTS.filter((file) => !GENERAL.includes(file))
  assert.ok(tasks.length >= 8, `only ${tasks.length} pages were found`)
  for (const file of tasks) {
    // The page about the command line begins with a program for a shell.
    const inShell = file === 'docs/cli.md' ? shellBlocksOf(file)[0] : undefined
    const [first] = blocksOf(file)
    assert.ok(inShell ?? first?.runs, `${file} has no program at its beginning`)
    const { code, origin } = (inShell ?? first) as { code: string; origin: string }
    assert.match(code, inShell ? 'npx cofferdam run' : "from 'cofferdam'", origin)
    const before = readDocument(file).split('```')[0] ?? ''
    assert.ok(before.split('\n').length < 12, `${file}: its program comes late`)
  }
})

test('every method is named', () => {
  const owners = [
    Sandbox.prototype,
    Object.getPrototypeOf(Sandbox.prototype),
    SandboxProcess.prototype,
    TerminalProcess.prototype,
    Box.prototype,
    SandboxPool.prototype,
  ]
  const methods = owners.flatMap((owner) => Object.getOwnPropertyNames(owner))
  for (const name of methods.filter((method) => method !== 'constructor')) {
    assert.match(REFERENCE, new RegExp(`\`[^\`\n]*\\b${name}\\b`), `${name} is not in the reference`)
  }
})

test('the defaults are those of the plan', () => {
  const { identity, namespaces, command } = sandbox().plan()
  assert.is(identity.uid, 1000)
  assert.is(namespaces.length, 8)
  assert.is(command.cwd, '/')
  assert.equal(Object.keys(command.environment), [])
  assert.equal(
    command.rlimits.map(({ resource, value }) => [resource, value]),
    [
      ['core', 0],
      ['nofile', 1024],
    ],
  )
})

for (const file of DOCUMENTS) {
  test(`every link of ${file} leads somewhere`, () => {
    assert.ok(linksOf(file).length > (file === 'README.md' ? 10 : 0), 'links were found')
    assert.equal(deadLinks(file), [])
  })
}

test('the index of docs/ has every page', () => {
  const index = readDocument('docs/README.md')
  for (const file of DOCUMENTS.filter((name) => /^docs\/(?!README)/.test(name)))
    assert.match(index, `](${file.replace('docs/', '')})`)
})

test.run()
