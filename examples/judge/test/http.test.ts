// The judge's own API over real HTTP.
import { request } from 'node:http'
import * as assert from 'uvu/assert'
import { ConfigError, readConfig } from '../src/config.js'
import { patientSuite } from './patient.js'
import { startService, until } from './service.js'

const test = patientSuite('judge: http', { warmUp: true })
const SUM = '#include <stdio.h>\nint main(void) { long a, b; scanf("%ld %ld", &a, &b); printf("%ld\\n", a + b); }\n'
const SLEEPS = '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n'
const sum = { problem: 'sum', language: 'c', source: SUM }

test('problems and languages are listed, and a problem has its statement but no answers', async (t) => {
  const service = await startService(t)
  const problems = (await service.get('/problems')).json
  assert.ok(problems.length >= 12)
  const { json, text } = await service.get('/problems/sum')
  assert.match(json.statement, /^# A \+ B/)
  assert.is(json.testCount, 5)
  assert.not.match(text, 'answer')
  assert.ok((await service.get('/languages')).json.some(({ id }: { id: string }) => id === 'c'))
  for (const path of [
    '/problems/none',
    '/problems/..%2f..%2fetc',
    '/submissions/none',
    '/submissions/none/events',
    '/x',
  ]) {
    const missing = await service.get(path)
    assert.is(missing.status, 404, path)
    assert.match(missing.json.error, /^There is no /)
  }
})

test('a submission is taken, judged, and its state can be asked for', async (t) => {
  const service = await startService(t)
  const { status, headers, json } = await service.post('/submissions', sum)
  assert.equal([status, headers.get('location')], [202, `/submissions/${json.id}`])
  await until(async () => (await service.get(`/submissions/${json.id}`)).json.state === 'done', 'it is judged')
  const done = (await service.get(`/submissions/${json.id}`)).json
  assert.equal([done.judgement.verdict, done.tests.length, done.problem, done.language], ['AC', 5, 'sum', 'c'])
  assert.ok(done.finishedAt >= done.submittedAt)
})

test('its progress comes as server-sent events, which end, and can be read again from any of them', async (t) => {
  const service = await startService(t)
  const { json } = await service.post('/submissions', sum)
  const response = await fetch(`${service.url}/submissions/${json.id}/events`)
  assert.match(response.headers.get('content-type') ?? '', 'text/event-stream')
  const all = await response.text()
  const types = [...all.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)
  assert.equal(types, ['queued', 'compiling', 'running', ...Array(5).fill('tested'), 'done'])
  const headers = { 'Last-Event-ID': '6' }
  const rest = await (await fetch(`${service.url}/submissions/${json.id}/events`, { headers })).text()
  assert.match(rest, /^id: 7\nevent: tested\n/)
  assert.is(all.slice(all.indexOf('id: 7\n')), rest)
})

test('a client that goes away in the middle of the events harms neither the submission nor the service', async (t) => {
  const service = await startService(t)
  const { json } = await service.post('/submissions', sum)
  for (let i = 0; i < 5; i++) {
    const leaving = request(`${service.url}/submissions/${json.id}/events`)
    leaving.on('response', () => leaving.destroy())
    leaving.on('error', () => {})
    leaving.end()
    await new Promise((resolve) => leaving.once('close', resolve))
  }
  await until(async () => (await service.get(`/submissions/${json.id}`)).json.state === 'done', 'it is judged')
})

test('bad input is answered with what was expected, and the service lives on', async (t) => {
  const service = await startService(t)
  for (const [body, status, message] of [
    ['{"problem":', 400, /JSON/],
    ['[]', 400, /object/],
    ['null', 400, /object/],
    ['', 400, /empty/],
    [{ ...sum, problem: undefined }, 400, /problem/],
    [{ ...sum, source: 5 }, 400, /source|string/],
    [{ ...sum, problem: '../sum' }, 400, /no problem "\.\.\/sum"/],
    [{ ...sum, language: 'cobol' }, 400, /one of c, .*received "cobol"/],
    [{ ...sum, tests: 'some' }, 400, /tests/],
    [{ ...sum, source: 'x'.repeat(300_000) }, 400, /at most 262144 bytes, received 300000/],
    [{ ...sum, source: 'x'.repeat(10 << 20) }, 413, /too large/],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, /object/],
    ['{"problem":"sum","language":"c","source":"","__proto__":{"x":1}}', 400, /JSON|proto/],
  ] as const) {
    const answer = await service.post('/submissions', body)
    assert.is(answer.status, status, `${JSON.stringify(body).slice(0, 60)} ${answer.text}`)
    assert.match(answer.json.error, message)
  }
  assert.is((await service.post('/submissions', 'x', { 'Content-Type': 'text/plain' })).status, 415)
  assert.is((await service.post('/submissions', sum)).status, 202)
})

test('with more waiting than may wait, the answer is 429 and when to come back', async (t) => {
  const service = await startService(t, { concurrency: 1, queueLimit: 2 })
  const sleeping = { problem: 'sum', language: 'c', source: SLEEPS }
  const answers = []
  for (let i = 0; i < 6; i++) answers.push(await service.post('/submissions', sleeping))
  assert.equal(
    answers.map(({ status }) => status),
    [202, 202, 202, 429, 429, 429],
  )
  assert.is(answers[5]?.headers.get('retry-after'), '1')
  assert.match(answers[5]?.json.error, '2 submissions wait already')
})

test('with a token, nothing is answered without it', async (t) => {
  const service = await startService(t, { token: 'secret' })
  for (const headers of [
    {},
    { Authorization: 'Bearer wrong' },
    { Authorization: 'secret' },
    { Authorization: 'Basic c2VjcmV0' },
  ]) {
    for (const path of ['/submissions', '/run', '/file']) {
      const answer = await service.post(path, sum, headers as Record<string, string>)
      assert.is(answer.status, 401, JSON.stringify(headers))
      assert.is(answer.headers.get('www-authenticate'), 'Bearer')
    }
  }
  assert.is((await service.get('/problems')).status, 401)
  assert.is((await service.get('/no/such/path')).status, 401)
  assert.is((await service.post('/submissions', sum, { Authorization: 'Bearer secret' })).status, 202)
})

test('the oldest that are done are forgotten, those that are not are kept', async (t) => {
  const service = await startService(t, { remembered: 2, concurrency: 1 })
  const broken = { problem: 'sum', language: 'c', source: 'no' }
  const ids: string[] = []
  for (let i = 0; i < 4; i++) ids.push((await service.post('/submissions', broken)).json.id)
  const states = () => Promise.all(ids.map(async (id) => (await service.get(`/submissions/${id}`)).status))
  await until(async () => (await states()).filter((status) => status === 200).length === 2, 'two are forgotten')
  assert.equal(await states(), [404, 404, 200, 200])
})

test('settings that cannot be used are refused, a host open to others without a token too', () => {
  for (const [env, message] of [
    [{ PORT: 'http' }, /PORT to be a whole number from 0 to 65535, received http/],
    [{ JUDGE_CONCURRENCY: '0' }, /JUDGE_CONCURRENCY/],
    [{ HOST: '0.0.0.0' }, /JUDGE_TOKEN to be set/],
    [{ JUDGE_SRC_PREFIXES: '/data,data' }, /absolute paths .* received data/],
  ] as const) {
    assert.throws(
      () => readConfig(env),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
    )
  }
  assert.is(readConfig({ HOST: '0.0.0.0', JUDGE_TOKEN: 'x' }).port, 5050)
})

test.run()
