// npm start, as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ended } from '../../../test/support/command.js'
import type { TestContext } from '../../../test/support/suite.js'
import { patientSuite } from './patient.js'
import { until } from './service.js'

const test = patientSuite('judge: the process')
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

function start(t: TestContext, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.cleanUp(() => child.kill('SIGKILL'))
  return child
}

async function addressOf(child: ChildProcess): Promise<string> {
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += chunk
    const [, address] = /Listening on (\S+)/.exec(said) ?? []
    if (address) return address
  }
  throw new Error(`It ended without listening, having said: ${said}`)
}

test('it serves, and SIGTERM ends it in the middle of a submission, with nothing left behind', async (t) => {
  const directory = t.tempDir()
  const child = start(t, { TMPDIR: directory })
  const closed = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  const url = await addressOf(child)
  const headers = { 'Content-Type': 'application/json', Connection: 'close' }
  const source = '#include <unistd.h>\nint main(void) { for (;;) pause(); }'
  const body = JSON.stringify({ problem: 'sum', language: 'c', source })
  const response = await fetch(`${url}/submissions`, { method: 'POST', headers, body })
  const { id } = (await response.json()) as { id: string }
  await until(async () => {
    const answer = await fetch(`${url}/submissions/${id}`, { headers: { Connection: 'close' } })
    return ((await answer.json()) as { state: string }).state === 'running'
  }, 'it runs')
  child.kill('SIGTERM')
  assert.is(await closed, 0)
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('cofferdam')),
    [],
  )
})

test('bad settings and bad problems are told in a line, with exit code 2', async (t) => {
  for (const [env, message] of [
    [{ PORT: 'http' }, /^Expected PORT to be a whole number/],
    [{ HOST: '0.0.0.0' }, /^Expected JUDGE_TOKEN to be set/],
    [{ JUDGE_PROBLEMS: '/no/such/directory' }, /^Expected \/no\/such\/directory to be a directory of problems/],
    [{ JUDGE_PROBLEMS: fileURLToPath(new URL('.', import.meta.url)) }, /^Expected .* to be a directory of problems/],
    [{ HOST: '192.0.2.1', JUDGE_TOKEN: 'x' }, /^Cannot listen on 192\.0\.2\.1, port 0: /],
  ] as const) {
    const { code, stderr } = await ended(start(t, env))
    assert.is(code, 2, stderr)
    assert.match(stderr, message)
  }
})

test.run()
