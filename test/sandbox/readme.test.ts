// README.md does what it says: every JavaScript block of it is run as a program, and prints what its comments promise
// (`// → text`, one line each). Blocks in other languages are text to be read.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Box, Sandbox, SandboxPool, SandboxProcess, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { runNode } from '../support/child.js'
import { cgroup2, controller, cpuClock, type Need } from '../support/host.js'
import { type Kind, kernelFrom } from '../support/kinds.js'
import { suite } from '../support/suite.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

// What a block needs of the host, told by what it says.
const NEEDS: readonly [says: RegExp, need: Need][] = [
  [/\bmemory:/, controller('memory')],
  [/\bpids:/, controller('pids')],
  [/\bcpuTime:/, cpuClock],
  [/\.freeze\(/, cgroup2],
  [/\.open\(\)/, cgroup2],
]

// Kinds of hosts that have what a block shows, told by what it says.
const KINDS: readonly [says: RegExp, kind: Kind][] = [[/\.clockOffset\(/, kernelFrom(6, 2)]]

const test = suite('README', { warmUp: true })

const blocks = [...README.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(([, , code = '']) => code)

for (const [i, code] of blocks.entries()) {
  const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line)
  const needs = NEEDS.filter(([says]) => says.test(code)).map(([, need]) => need)
  test(
    `block ${i + 1} prints what it promises`,
    async () => {
      const { code: exitCode, stdout, stderr } = await runNode(code)
      assert.is(stderr, '')
      assert.is(exitCode, 0)
      assert.equal(stdout.trimEnd().split('\n'), promised)
    },
    { needs, only: KINDS.filter(([says]) => says.test(code)).map(([, kind]) => kind), timeoutMs: 30_000 },
  )
}

test('there are blocks to run, and each of them promises something', () => {
  assert.ok(blocks.length >= 10, `only ${blocks.length} blocks were found`)
  for (const code of blocks) assert.match(code, '// → ')
})

test('every method is named', () => {
  const owners = [
    Sandbox.prototype,
    Object.getPrototypeOf(Sandbox.prototype),
    SandboxProcess.prototype,
    Box.prototype,
    SandboxPool.prototype,
  ]
  const methods = owners.flatMap((owner) => Object.getOwnPropertyNames(owner))
  for (const name of methods.filter((method) => method !== 'constructor')) {
    assert.match(README, new RegExp(`\`[^\`\n]*\\b${name}\\b`), `${name} is not in the README`)
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

test('every link leads somewhere', () => {
  const headings = [...README.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading))
  const targets = [...README.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  assert.ok(targets.length > 10)
  for (const target of targets) {
    if (target.startsWith('#')) assert.ok(headings.includes(target.slice(1)), `no heading for ${target}`)
    else if (!/^https?:/.test(target)) assert.ok(existsSync(join(ROOT, target)), `no file for ${target}`)
  }
})

test.run()

/** A heading's anchor, as GitHub and npm make it. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-')
}
