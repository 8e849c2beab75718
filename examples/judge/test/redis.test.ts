// Beyond one machine: an API process, workers and a Redis of the test's own, all of them processes on the loopback.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import * as assert from 'uvu/assert'
import { suite, type TestContext } from '../../../test/support/suite.js'
import type { SubmissionEvent } from '../src/queue/events.js'
import { until } from './service.js'

const test = suite('judge: redis')
const REDIS = '/usr/bin/redis-server'
const needs = () => (existsSync(REDIS) ? undefined : `needs ${REDIS} (Debian's redis-server)`)
const CONNECTION = { Connection: 'close' }

/** A shell is the quickest language, so that it is the queue that is tested. */
const SHELL = {
  sh: {
    title: 'Shell',
    source: 'main.sh',
    compile: { command: ['/bin/sh', '-n', 'main.sh'] },
    run: { command: ['/bin/sh', '/box/main.sh'] },
  },
}

interface Cluster {
  url: string
  redisUrl: string
  directory: string
  api(): Promise<ChildProcess>
  worker(): Promise<ChildProcess>
  redis(): Promise<ChildProcess>
  ask(path: string, body?: unknown): Promise<{ status: number; text: string }>
  events(id: string): Promise<SubmissionEvent[]>
}

async function cluster(t: TestContext, queueLimit = 1000): Promise<Cluster> {
  const directory = t.tempDir()
  const [redisPort, apiPort] = [await freePort(), await freePort()]
  const tests = join(directory, 'problems/echo/tests')
  mkdirSync(tests, { recursive: true })
  for (const name of ['1', '2', '3']) {
    writeFileSync(join(tests, `${name}.in`), `${name}\n`)
    writeFileSync(join(tests, `${name}.out`), `${name}\n`)
  }
  const problem = { title: 'Echo', limits: { cpuTime: '5s', wallTime: '60s' }, checker: { type: 'token' } }
  writeFileSync(join(directory, 'problems/echo/problem.json'), JSON.stringify(problem))
  writeFileSync(join(directory, 'problems/echo/statement.md'), '# Echo\n')
  writeFileSync(join(directory, 'languages.json'), JSON.stringify(SHELL))
  const env = {
    ...process.env,
    TMPDIR: directory,
    PORT: String(apiPort),
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    JUDGE_PROBLEMS: join(directory, 'problems'),
    JUDGE_LANGUAGES: join(directory, 'languages.json'),
    JUDGE_CONCURRENCY: '2',
    JUDGE_QUEUE_LIMIT: String(queueLimit),
    JUDGE_LOCK_MS: '8000',
  }
  const start = async (file: string, args: string[], said: RegExp): Promise<ChildProcess> => {
    const child = spawn(file, args, { env, cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
    t.cleanUp(() => end(child, 'SIGKILL'))
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += chunk
    })
    await until(() => said.test(output) || child.exitCode !== null, `${file} is ready`)
    assert.is(child.exitCode, null, output)
    return child
  }
  const program = (name: string, said: RegExp) => {
    const tsx = fileURLToPath(import.meta.resolve('tsx'))
    return start(process.execPath, ['--import', tsx, fileURLToPath(new URL(`../src/${name}`, import.meta.url))], said)
  }
  const options = `--port ${redisPort} --bind 127.0.0.1 --dir ${directory} --appendonly yes --appendfsync always`
  const self: Cluster = {
    url: `http://127.0.0.1:${apiPort}`,
    redisUrl: env.REDIS_URL,
    directory,
    redis: () => start(REDIS, options.split(' '), /Ready to accept connections/),
    api: () => program('main.ts', /Listening on/),
    worker: () => program('worker.ts', /Judging 2 at once/),
    async ask(path, body) {
      const init = {
        method: 'POST',
        headers: { ...CONNECTION, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }
      const response = await fetch(self.url + path, body === undefined ? { headers: CONNECTION } : init)
      return { status: response.status, text: await response.text() }
    },
    async events(id) {
      const { text } = await self.ask(`/submissions/${id}/events`)
      return [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json))
    },
  }
  await self.redis()
  return self
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

async function submit(all: Cluster, source: string): Promise<string> {
  const { status, text } = await all.ask('/submissions', { problem: 'echo', language: 'sh', source })
  assert.is(status, 202, text)
  return JSON.parse(text).id
}

/** Each step once, each test once and in order. */
function assertJudgedOnce(events: readonly SubmissionEvent[], tests: readonly string[], verdict: string): void {
  const told = events.map((event) => (event.type === 'tested' ? event.result.test : event.type))
  assert.equal(told, ['queued', 'compiling', 'running', ...tests, 'done'])
  const last = events.at(-1)
  assert.is(last?.type === 'done' && last.judgement.verdict, verdict)
  assert.equal(last?.type === 'done' && last.judgement.tests.map((result) => result.test), tests)
}

test(
  'five hundred submissions and three workers, one of which is killed: each is judged, and once',
  async (t) => {
    const all = await cluster(t)
    await all.api()
    const workers = await Promise.all([all.worker(), all.worker(), all.worker()])
    const ids: string[] = []
    const next = async () => {
      while (ids.length < 500) {
        const index = ids.push('') - 1
        ids[index] = await submit(all, index % 2 === 0 ? 'cat' : 'echo 1')
      }
    }
    await Promise.all(Array.from({ length: 8 }, next))
    const redis = new Redis(all.redisUrl)
    t.cleanUp(() => redis.disconnect())
    const finished = async () => {
      const keys = await redis.keys('cofferdam-judge:{*}:attempt')
      return keys.length === 0 ? 0 : (await redis.mget(keys)).filter((attempt) => attempt === 'done').length
    }
    await until(async () => (await finished()) >= 50, 'fifty are done')
    if (workers[0]) await end(workers[0], 'SIGKILL')
    assert.ok((await finished()) < 500, 'It was killed in the middle.')
    for (let i = 0; i < 4 && (await finished()) < 500; i++) {
      await until(async () => (await finished()) === 500, 'all are done').catch(() => {})
    }
    for (const [index, id] of ids.entries()) {
      const events = await all.events(id)
      if (index % 2 === 0) assertJudgedOnce(events, ['1', '2', '3'], 'AC')
      else assertJudgedOnce(events, ['1', '2'], 'WA')
    }
  },
  { timeoutMs: 280_000, needs },
)

test(
  'a worker that is killed in the middle of a submission has it finished by another, from where it was',
  async (t) => {
    const all = await cluster(t)
    await all.api()
    const first = await all.worker()
    const id = await submit(all, 'read n; [ $n != 2 ] || sleep 5; echo $n')
    const watching = all.events(id)
    const state = async () => JSON.parse((await all.ask(`/submissions/${id}`)).text)
    await until(async () => (await state()).tests.length === 1, 'the first test is done')
    const [before] = (await state()).tests
    await end(first, 'SIGKILL')
    await all.worker()
    const events = await watching
    assertJudgedOnce(events, ['1', '2', '3'], 'AC')
    assert.equal((await state()).tests[0], before)
  },
  { timeoutMs: 120_000, needs },
)

test(
  'results survive a restart of the API and of Redis; without Redis the answer is 503, and later all is well again',
  async (t) => {
    const all = await cluster(t)
    let redis: ChildProcess | undefined
    // The first Redis was started by cluster(): shut it down by its own command.
    const stopRedis = async () => {
      const client = new Redis(all.redisUrl, { retryStrategy: () => null })
      client.on('error', () => {})
      await client.shutdown('NOSAVE').catch(() => {})
      client.disconnect()
      if (redis) await end(redis, 'SIGTERM')
    }
    const api = await all.api()
    await all.worker()
    const id = await submit(all, 'cat')
    assertJudgedOnce(await all.events(id), ['1', '2', '3'], 'AC')
    await stopRedis()
    assert.is((await all.ask('/submissions', { problem: 'echo', language: 'sh', source: 'cat' })).status, 503)
    assert.is((await all.ask(`/submissions/${id}`)).status, 503)
    redis = await all.redis()
    await until(async () => (await all.ask(`/submissions/${id}`)).status === 200, 'the API is connected again')
    await end(api, 'SIGTERM')
    await all.api()
    assertJudgedOnce(await all.events(id), ['1', '2', '3'], 'AC')
    assertJudgedOnce(await all.events(await submit(all, 'echo 1')), ['1', '2'], 'WA')
  },
  { timeoutMs: 120_000, needs },
)

test(
  'with more waiting than may wait, and nobody who judges, the answer is 429',
  async (t) => {
    const all = await cluster(t, 2)
    await all.api()
    const body = { problem: 'echo', language: 'sh', source: 'cat' }
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await all.ask('/submissions', body)).status)
    assert.equal(statuses, [202, 202, 429, 429])
  },
  { timeoutMs: 60_000, needs },
)

test.run()
