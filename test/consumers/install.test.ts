// Installing the package where there is little: without a compiler, without install scripts, without a prebuilt addon.
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { run } from '../support/command.js'
import { emptyProject, must, npmInstall, onlyPrograms, pack, withoutPrebuilt } from '../support/package.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('installation')

const PROGRAM = `
  import { sandbox } from 'cofferdam'
  const { stdout, outcome } = await sandbox().run('echo', ['it works'])
  console.log(outcome, stdout.trim())`

test(
  'with no compiler, make or python it installs, and starts a sandbox',
  async (t) => {
    const { path } = await pack(t)
    const project = emptyProject(t)
    const env = await bareMachine(t)
    await npmInstall(project, [path], env)
    assert.is(await useIt(project, env), 'exited it works\n')
    assert.not(existsSync(join(project, 'node_modules/cofferdam/binding/build')), 'it was compiled')
  },
  { timeoutMs: 240_000 },
)

test(
  'with install scripts disabled it works, too',
  async (t) => {
    const { path } = await pack(t)
    const project = emptyProject(t)
    const env = await bareMachine(t)
    await npmInstall(project, ['--ignore-scripts', path], env)
    assert.is(await useIt(project, env), 'exited it works\n')
  },
  { timeoutMs: 240_000 },
)

test(
  'with neither a prebuilt addon nor a compiler the installation fails, and says what to install',
  async (t) => {
    const { path } = await pack(t, withoutPrebuilt(t))
    const project = emptyProject(t)
    const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', path]
    const { code, stderr } = await run('npm', args, { cwd: project, env: await bareMachine(t) })
    assert.is.not(code, 0)
    assert.match(stderr, 'No prebuilt addon of cofferdam loads on this machine')
    assert.match(stderr, 'a C compiler, a C++ compiler, make and Python 3 are missing')
    assert.match(stderr, /^npm error +(apt-get|apk|dnf|zypper|pacman) .*(g\+\+|gcc-c\+\+).* make /m)
  },
  { timeoutMs: 240_000 },
)

test(
  'without a prebuilt addon and with install scripts disabled the first start says what to do',
  async (t) => {
    const { path } = await pack(t, withoutPrebuilt(t))
    const project = emptyProject(t)
    await npmInstall(project, ['--ignore-scripts', path])
    writeFileSync(join(project, 'use.mjs'), PROGRAM)
    const { code, stderr } = await run(process.execPath, ['use.mjs'], { cwd: project })
    assert.is.not(code, 0)
    assert.match(stderr, 'ERR_SANDBOX_BINDING')
    assert.match(stderr, 'have g++, make and python3 at hand and run `npm rebuild cofferdam`')
  },
  { timeoutMs: 240_000 },
)

test('what to install is told for each family of distributions, and for all where it is none of them', async (t) => {
  const script = new URL('../../binding/install.mjs', import.meta.url).pathname
  const env = await bareMachine(t)
  const told = async (release: string) => {
    const file = join(t.tempDir(), 'os-release')
    writeFileSync(file, release)
    // A mount namespace of its own, so that the host keeps its file.
    const commands = 'mount --bind "$0" /etc/os-release && PATH=$1 exec "$2" "$3"'
    const args = ['--mount', 'sh', '-c', commands, file, env.PATH ?? '', process.execPath, script]
    const { code, stderr } = await run('unshare', args)
    assert.is(code, 1, stderr)
    return stderr
  }
  assert.match(await told('ID=debian\n'), /^ {2}apt-get install -y g\+\+ make python3$/m)
  assert.match(await told('ID=linuxmint\nID_LIKE="ubuntu debian"\n'), /^ {2}apt-get install /m)
  assert.match(await told('ID=alpine\n'), /^ {2}apk add g\+\+ make python3 linux-headers$/m)
  assert.match(await told('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), /^ {2}dnf install -y gcc-c\+\+ make python3$/m)
  assert.match(await told('ID=opensuse-leap\n'), /^ {2}zypper install -y gcc-c\+\+ make python3$/m)
  const all = await told('ID=constructor\n')
  for (const tool of ['apt-get', 'apk', 'dnf', 'zypper', 'pacman']) assert.match(all, `  ${tool} `)
})

test.run()

async function useIt(project: string, env: NodeJS.ProcessEnv): Promise<string> {
  writeFileSync(join(project, 'use.mjs'), PROGRAM)
  return must(process.execPath, ['use.mjs'], project, env)
}

/** Its PATH has Node and npm, a shell and what a shell script of npm's own may call; and no tool that compiles. */
async function bareMachine(t: TestContext): Promise<NodeJS.ProcessEnv> {
  const directory = await onlyPrograms(t, ['node', 'npm', 'sh', 'env', 'dirname', 'sed', 'uname', 'cat', 'ls'])
  const { CC: _cc, CXX: _cxx, MAKE: _make, PYTHON: _python, npm_config_python: _npmPython, ...rest } = process.env
  // `npm run` adds directories of the checkout, node-gyp's among them.
  const env = { ...rest, PATH: directory }
  const { code } = await run('sh', ['-c', 'command -v cc g++ gcc make python3 python'], { env })
  assert.is.not(code, 0, `${dirname(directory)} has a tool to compile with`)
  return env
}
