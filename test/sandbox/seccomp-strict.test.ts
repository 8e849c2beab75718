// The strict filter: what computes works, static and dynamically linked; everything else ends it, or fails as documented.
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunResult, type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { hostMachine } from '../../src/seccomp/filter.js'
import { syscallNumbers } from '../../src/seccomp/tables.js'
import { box } from '../support/boxes.js'
import { command } from '../support/host.js'
import { seccompFixture } from '../support/probe.js'
import { suite } from '../support/suite.js'

const test = suite('seccomp strict', { warmUp: true })

const numbers = syscallNumbers(hostMachine().architecture)
const call = (name: string, ...args: (number | bigint)[]) => ['call', String(numbers.get(name)), ...args.map(String)]
const named = (result: RunResult) => (result.outcome === 'seccomp-violation' ? result.syscall : result.explain())

const RECIPES: [name: string, recipe: () => Sandbox][] = [
  ['static', () => box().bind(seccompFixture('caller.c', 'static'), '/caller').seccomp('strict')],
  ['dynamically linked', () => sandbox().bind(seccompFixture('caller.c', 'dynamic'), '/caller').seccomp('strict')],
]

for (const [linkage, recipe] of RECIPES) {
  test(`a ${linkage} program computes, and makes threads`, async () => {
    const said = await recipe().run('/caller', ['say', 'hello'])
    assert.equal([said.outcome, said.exitCode, said.stdout], ['exited', 0, 'hello\n'], said.explain())
    const joined = await recipe().run('/caller', ['in-thread', 'say', 'from a thread'])
    assert.is(joined.stdout, 'from a thread\njoined\n', joined.explain())
  })

  test(`a ${linkage} program makes no process`, async () => {
    const { syscall, stdout } = (await recipe().run('/caller', ['in-child', 'say', 'x'])) as RunResult & {
      syscall: string
    }
    assert.ok(['clone', 'fork'].includes(syscall), syscall)
    assert.is(stdout, '')
  })

  test(`a ${linkage} program reaches nothing else`, async () => {
    for (const name of [
      'socket',
      'ptrace',
      'bpf',
      'io_uring_enter',
      'unlinkat',
      'mkdirat',
      'shmget',
      'memfd_create',
      'prctl',
    ]) {
      const result = await recipe().run('/caller', ['in-thread', ...call(name)])
      if (name === 'prctl') assert.is(result.stdout, 'EPERM\njoined\n')
      else assert.is(named(result), name)
    }
  })
}

test('files can be read, and not opened for writing', async () => {
  const recipe = box().bind(seccompFixture('caller.c', 'static'), '/caller').seccomp('strict')
  const AT_FDCWD = BigInt.asUintN(64, -100n)
  const NOWHERE = 0
  for (const flags of [0o1, 0o2, 0o100, 0o1000]) {
    assert.is((await recipe.run('/caller', call('openat', AT_FDCWD, NOWHERE, flags))).stdout, 'EACCES\n', String(flags))
  }
  assert.is((await recipe.run('/caller', call('openat', AT_FDCWD, NOWHERE, 0))).stdout, 'EFAULT\n')
})

test('output is what it has been given, and nothing but the filter keeps a file from being made', async () => {
  const script = 'echo to stdout; echo x > /tmp/file'
  const strict = await sandbox().seccomp('strict').run('sh', ['-c', script])
  assert.is(strict.stdout, 'to stdout\n')
  assert.is.not(strict.exitCode, 0)
  assert.match(strict.stderr, /cannot create|[Pp]ermission denied/)
  assert.is((await sandbox().run('sh', ['-c', script])).exitCode, 0)
})

test(
  'a compiled submission and an interpreter solve a problem',
  async (t) => {
    const directory = t.tempDir()
    chmodSync(directory, 0o777)
    const source = `
      #include <stdio.h>
      #include <stdlib.h>
      #include <math.h>
      int main(void) { int n; double sum = 0; if (scanf("%d", &n) != 1) return 1;
        double *a = malloc(sizeof *a * (size_t)n); for (int i = 0; i < n; i++) if (scanf("%lf", a + i) != 1) return 1;
        for (int i = 0; i < n; i++) sum += sqrt(a[i]); printf("%.1f\\n", sum); free(a); return 0; }`
    const built = await sandbox()
      .env({ PATH: '/usr/bin:/bin' })
      .file('/source.c', source)
      .bind(directory, '/out', { writable: true })
      .run('cc', ['-O2', '-o', '/out/solution', '/source.c', '-lm'])
    assert.ok(built.ok, built.stderr)
    const strict = sandbox().seccomp('strict')
    const input = '3\n4 9 16\n'
    const compiled = await strict.bind(join(directory, 'solution'), '/solution').run('/solution', [], { input })
    assert.is(compiled.stdout, '9.0\n', compiled.explain())
    const python = 'import sys, math\nn, *a = map(float, sys.stdin.read().split())\nprint(sum(map(math.sqrt, a)))'
    const interpreted = await strict.run('/usr/bin/python3', ['-c', python], { input })
    assert.is(interpreted.stdout, '9.0\n', `${interpreted.explain()} ${interpreted.stderr}`)
  },
  { needs: [command('cc'), command('/usr/bin/python3')], timeoutMs: 40_000 },
)

test(
  'abort() is a signal of its own, and no violation',
  async () => {
    const aborted = await sandbox().seccomp('strict').run('/usr/bin/perl', ['-e', 'kill "ABRT", $$; sleep 5'])
    assert.equal([aborted.outcome, aborted.signal], ['signaled', 'SIGABRT'], aborted.explain())
  },
  { needs: command('/usr/bin/perl') },
)

test('a copy of the command with the file’s name looked for in the path', async (t) => {
  const directory = t.tempDir()
  copyFileSync(seccompFixture('caller.c', 'static'), join(directory, 'caller'))
  chmodSync(join(directory, 'caller'), 0o755)
  const recipe = box().bind(directory, '/opt/bin').env({ PATH: '/nowhere:/opt/bin' }).seccomp('strict')
  assert.is((await recipe.run('caller', ['say', 'found'])).stdout, 'found\n')
  assert.ok(readFileSync(join(directory, 'caller')).length > 0)
})

test.run()
