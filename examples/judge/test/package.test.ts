// The judge as a user gets it: a copy of this directory, in a project that depends on the packed cofferdam.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { run } from '../../../test/support/command.js'
import { suite } from '../../../test/support/suite.js'

const test = suite('judge: the package')
const HERE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

test(
  'it installs with the tarball of cofferdam, and judges a part of the corpus',
  async (t) => {
    const directory = t.tempDir()
    const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], {
      cwd: ROOT,
    })
    assert.is(packed.code, 0, packed.stderr)
    const [{ filename }] = JSON.parse(packed.stdout)

    const project = join(directory, 'judge')
    mkdirSync(project)
    for (const name of ['src', 'corpus', 'problems', 'languages.json']) {
      cpSync(join(HERE, name), join(project, name), { recursive: true })
    }
    const description = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'))
    description.dependencies.cofferdam = `file:../${filename}`
    writeFileSync(join(project, 'package.json'), JSON.stringify(description))

    const options = ['--omit=dev', '--no-audit', '--no-fund', '--loglevel=error', '--foreground-scripts']
    const installed = await run('npm', ['install', ...options], { cwd: project })
    assert.is(installed.code, 0, installed.stdout + installed.stderr)
    const judged = await run('npm', ['run', '--silent', 'corpus', '--', 'sum/AC-plain.c', 'guess/WA-gives-up'], {
      cwd: project,
    })
    assert.is(judged.code, 0, judged.stdout + judged.stderr)
    // sum/AC-plain.c and .cpp
    assert.match(judged.stdout, '3 of 3 verdicts are what they must be')
  },
  { timeoutMs: 280_000 },
)

test.run()
