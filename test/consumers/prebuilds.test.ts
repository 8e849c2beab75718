// The prebuilt addon of this processor: what it is made of, and that it loads and runs with musl as with glibc.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { buildPortable } from '../../binding/prebuild/build.js'
import { dynamicSymbols, problemsOf } from '../../binding/prebuild/check.js'
import { TARGETS, type Target } from '../../binding/prebuild/target.js'
import { run } from '../support/command.js'
import { must, pack } from '../support/package.js'
import { suite, type TestContext } from '../support/suite.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FIXTURES = join(ROOT, 'test/fixtures/portable')
const here = TARGETS.find(({ arch }) => arch === process.arch) as Target
const ADDON = join(ROOT, 'prebuilds', here.name, 'cofferdam.node')

const test = suite('prebuilt addons')

test('the addon is small, stripped, hardened, and asks for nothing newer than glibc 2.28', () => {
  assert.equal(problemsOf(ADDON, here), [])
})

test('an addon as node-gyp builds it does not pass for a prebuilt one', () => {
  const problems = problemsOf(join(ROOT, 'binding/build/Release/cofferdam.node'), here).join('\n')
  for (const expected of [
    /bytes, more than/,
    /libstdc\+\+/,
    /it needs GLIBC_2\.3\d/,
    /which musl has not/,
    /not stripped/,
    /calls are not checked/,
  ])
    assert.match(problems, expected)
})

test('a library without any protection is told what it lacks', async (t) => {
  const file = join(t.tempDir(), 'bare.so')
  const source = join(t.tempDir(), 'bare.c')
  writeFileSync(source, 'int call(int (*f)(void)) { return f(); }\n')
  const options = ['-Wl,-z,norelro', '-Wl,-z,lazy', '-Wl,-z,execstack', '-Wl,-rpath,/opt', '-fno-stack-protector']
  await must('gcc', ['-shared', '-fPIC', '-g', ...options, '-o', file, source], ROOT)
  const problems = problemsOf(file, here).join('\n')
  for (const expected of [
    /RELRO/,
    /BIND_NOW/,
    /GNU_STACK/,
    /RPATH/,
    /-fstack-protector/,
    /not stripped/,
    /it exports call,/,
  ])
    assert.match(problems, expected)
  const other = TARGETS.find((target) => target !== here) as Target
  assert.match(problemsOf(file, other).join('\n'), `it is not for ${other.machine}`)
})

test('every prebuilt addon is in the tarball', async (t) => {
  const { files } = await pack(t)
  assert.ok(files.includes(`prebuilds/${here.name}/cofferdam.node`))
})

test(
  "musl's dynamic linker loads it and finds all symbols",
  async (t) => {
    const host = await muslHost(t)
    // Under its own name: dlopen() looks at nothing else of it.
    const addon = join(t.tempDir(), 'addon.node')
    copyFileSync(ADDON, addon)
    const { code, stderr } = await run(host, [addon])
    assert.is(code, 0, stderr)
    // The same host refuses what only glibc has.
    const local = await run(host, [join(ROOT, 'binding/build/Release/cofferdam.node')])
    assert.is(local.code, 121)
  },
  { timeoutMs: 60_000 },
)

test(
  'what it has of the C++ runtime works with musl and with glibc: exceptions, threads, time-outs, files',
  async (t) => {
    const scratch = t.tempDir()
    const library = join(scratch, 'out/portable.so')
    const sources = join(ROOT, 'binding')
    mkdirSync(join(scratch, 'objects'))
    await buildPortable(here, {
      files: [join(FIXTURES, 'portable.cc'), join(sources, 'remove_tree.cc')],
      ...{ sources, includes: [], defines: [], exported: 'run_portable;' },
      ...{ scratch: join(scratch, 'objects'), output: library },
    })
    for (const host of [await muslHost(t), await compileHost(t, 'gcc', [])]) {
      const { code, stderr } = await run(host, [library, 'run_portable'])
      assert.is(code, 0, stderr)
    }
  },
  { timeoutMs: 120_000 },
)

test.run()

async function muslHost(t: TestContext): Promise<string> {
  if (!existsSync('/usr/bin/musl-gcc')) t.skip('there is no musl-gcc (apt-get install musl-tools)')
  return compileHost(
    t,
    'musl-gcc',
    dynamicSymbols(ADDON)
      .wanted.filter(({ name }) => /^(napi|node)_/.test(name))
      .map(({ name }) => name),
  )
}

/** A program that has what Node has, by name only. */
async function compileHost(t: TestContext, compiler: string, names: readonly string[]): Promise<string> {
  const directory = t.tempDir()
  writeFileSync(
    join(directory, 'stubs.h'),
    names.map((name) => `void ${name}(void);\nvoid ${name}(void) {}\n`).join(''),
  )
  const host = join(directory, 'host')
  await must(compiler, ['-rdynamic', `-I${directory}`, '-o', host, join(FIXTURES, 'dlopen.c')], ROOT)
  return host
}
