// The tarball, as a user gets it: what is in it, that it installs and compiles in an empty project, that a prebuilt addon
// saves the compiling, and that its types are found.
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { emptyProject, must, npmInstall, pack, withoutPrebuilt } from '../support/package.js'
import { suite, type TestContext } from '../support/suite.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'node_modules/.bin')

const test = suite('package')

test(
  'the tarball has what a user needs and nothing of the workshop',
  async (t) => {
    const { files } = await pack(t)
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'SECURITY.md',
      'docs/README.md',
      'dist/cli.js',
      'dist/host/child.js',
      'dist/index.js',
      'dist/index.d.ts',
      'src/index.ts',
      'prebuilds/README.md',
      'binding/binding.gyp',
      'binding/init/build.sh',
      'binding/init/wire.h',
      'binding/install.mjs',
    ]) {
      assert.ok(files.includes(needed), `${needed} is missing`)
    }
    const allowed =
      /^(dist|src|binding|prebuilds|docs)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/
    const unwanted = files.filter((file) => !allowed.test(file) || /\/(build|prebuild)\/|\.(o|log|tgz)$/.test(file))
    assert.equal(unwanted, [])
  },
  { timeoutMs: 60_000 },
)

test(
  'every source of the addon is in the tarball',
  async (t) => {
    const { files } = await pack(t)
    const sources = readdirSync(join(ROOT, 'binding'), { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
      .filter((file) => !/^binding\/(build|prebuild)\//.test(file))
    assert.equal(
      sources.filter((file) => !files.includes(file)),
      [],
    )
  },
  { timeoutMs: 60_000 },
)

test(
  'it installs in an empty project, compiles there and runs a command',
  async (t) => {
    const project = await install(t)
    assert.equal(await useIt(project), { exports: await exportsHere(), stdout: 'it works\n', outcome: 'exited' })
    await usesItsCommand(project)
    await usesPrebuilt(t, project)
  },
  { timeoutMs: 280_000 },
)

test(
  'publint has nothing to say',
  async (t) => {
    const { path } = await pack(t)
    const { code, stdout, stderr } = await run(join(BIN, 'publint'), ['run', path, '--strict'])
    assert.is(code, 0, stdout + stderr)
    assert.match(stdout, 'All good!')
  },
  { timeoutMs: 60_000 },
)

test(
  'types are found by every kind of resolution that can load an ES module',
  async (t) => {
    const { path } = await pack(t)
    const { code, stdout, stderr } = await run(join(BIN, 'attw'), [path, '--profile', 'esm-only', '--no-emoji'])
    assert.is(code, 0, stdout + stderr)
  },
  { timeoutMs: 60_000 },
)

test.run()

async function install(t: TestContext): Promise<string> {
  const { path } = await pack(t, withoutPrebuilt(t))
  const project = emptyProject(t)
  await npmInstall(project, [path])
  return project
}

/** Imports the package in a project and runs a command with it. */
async function useIt(project: string): Promise<unknown> {
  writeFileSync(
    join(project, 'use.mjs'),
    `import * as cofferdam from 'cofferdam'
     const { stdout, outcome } = await cofferdam.sandbox().run('echo', ['it works'])
     console.log(JSON.stringify({ exports: Object.keys(cofferdam).sort(), stdout, outcome }))`,
  )
  return JSON.parse(await must(process.execPath, ['use.mjs'], project))
}

/** As `npx cofferdam` does in a project that has it. */
async function usesItsCommand(project: string): Promise<void> {
  const text = await must('npx', ['--no-install', 'cofferdam', 'doctor'], project)
  assert.match(text, /^ok {4}A default sandbox starts\.$/m)
  assert.is(await must('npx', ['--no-install', 'cofferdam', 'run', '--', 'echo', 'hi'], project), 'hi\n')
}

async function exportsHere(): Promise<string[]> {
  return Object.keys(await import('cofferdam')).sort()
}

/** With a prebuilt addon the install script must not compile: node-gyp is made to fail here. */
async function usesPrebuilt(t: TestContext, from: string): Promise<void> {
  const project = t.tempDir()
  cpSync(from, project, { recursive: true })
  const installed = join(project, 'node_modules/cofferdam')
  const prebuilds = join(installed, `prebuilds/linux-${process.arch}`)
  mkdirSync(prebuilds, { recursive: true })
  renameSync(join(installed, 'binding/build/Release/cofferdam.node'), join(prebuilds, 'cofferdam.node'))
  rmSync(join(installed, 'binding/build'), { recursive: true })

  const tools = t.tempDir()
  writeFileSync(join(tools, 'node-gyp'), '#!/bin/sh\necho node-gyp was called >&2\nexit 1\n', { mode: 0o755 })
  const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const path = `${tools}:${join(project, 'node_modules/.bin')}:${process.env.PATH}`
  await must('sh', ['-c', scripts.install], installed, { ...process.env, PATH: path })
  assert.match(JSON.stringify(await useIt(project)), 'it works')
}
