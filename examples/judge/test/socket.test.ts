// /ws of go-judge's API.
import { request } from 'node:http'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import type { TestContext } from '../../../test/support/suite.js'
import { patientSuite } from './patient.js'
import { startService, until } from './service.js'

const test = patientSuite('judge: web socket', { warmUp: true })
const FILES = [{ content: '' }, { name: 'stdout', max: 1000 }]
const sh = (script: string) => ({
  args: ['/bin/sh', '-c', script],
  env: ['PATH=/usr/bin:/bin'],
  files: FILES,
  clockLimit: 100e9,
})

interface Client {
  send(message: unknown): void
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and say what they expect
  next(): Promise<any>
  socket: WebSocket
}

async function connect(t: TestContext, url: string, headers = {}): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers })
  t.cleanUp(() => socket.terminate())
  const messages: unknown[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return {
    socket,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async next() {
      await until(() => messages.length > 0, 'a message comes')
      return messages.shift()
    },
  }
}

test('requests are answered by their ids, the quick one first', async (t) => {
  const client = await connect(t, (await startService(t)).url)
  client.send({ requestId: 'slow', cmd: [sh('sleep 3; echo slow')] })
  client.send({ requestId: 'quick', cmd: [sh('echo quick')] })
  const [first, second] = [await client.next(), await client.next()]
  assert.equal([first.requestId, first.results[0].files.stdout], ['quick', 'quick\n'])
  assert.equal([second.requestId, second.results[0].status], ['slow', 'Accepted'])
})

test('a request is cancelled while it runs, and while it waits', async (t) => {
  const client = await connect(t, (await startService(t, { concurrency: 1 })).url)
  client.send({ requestId: 'runs', cmd: [sh('sleep 1000')] })
  client.send({ requestId: 'waits', cmd: [sh('sleep 1000')] })
  client.send({ cancelRequestId: 'nobody' })
  client.send({ cancelRequestId: 'waits' })
  const waits = await client.next()
  assert.is(waits.requestId, 'waits')
  assert.match(waits.error, /cancelled/)
  client.send({ cancelRequestId: 'runs' })
  assert.is((await client.next()).requestId, 'runs')
})

test('bad messages are answered, and the connection goes on', async (t) => {
  const client = await connect(t, (await startService(t)).url)
  for (const [message, error] of [
    ['{', /Expected JSON/],
    ['null', /Expected requestId/],
    [{}, /Expected requestId/],
    [{ requestId: 5, cmd: [] }, /Expected requestId/],
    [{ requestId: 'a' }, /Expected cmd to be a list of at least one command/],
    [{ requestId: 'a', cmd: [{ args: [] }] }, /begins with a program/],
  ] as const) {
    client.send(message)
    assert.match((await client.next()).error, error)
  }
  client.send({ requestId: 'a', cmd: [sh('echo fine')] })
  client.send({ requestId: 'a', cmd: [sh('echo twice')] })
  assert.match((await client.next()).error, /no other request/)
  assert.is((await client.next()).results[0].files.stdout, 'fine\n')
})

test('a client that goes away has all its requests given up', async (t) => {
  const service = await startService(t, { concurrency: 2 })
  const client = await connect(t, service.url)
  for (let i = 0; i < 5; i++) client.send({ requestId: String(i), cmd: [sh('sleep 1000')] })
  await until(() => service.machine.pending === 2 && service.machine.size === 3, 'all are taken')
  client.socket.terminate()
  await until(() => service.machine.pending === 0 && service.machine.size === 0, 'all are given up')
})

test('a message that is too large ends the connection and not the service', async (t) => {
  const service = await startService(t)
  const client = await connect(t, service.url)
  client.send('x'.repeat(33 << 20))
  const code = await new Promise((resolve) => client.socket.once('close', resolve).on('error', () => {}))
  assert.is(code, 1009)
  const other = await connect(t, service.url)
  other.send({ requestId: 'a', cmd: [sh('echo fine')] })
  assert.is((await other.next()).results[0].status, 'Accepted')
})

test("a browser's page from elsewhere has no connection, one of the judge's own has", async (t) => {
  const service = await startService(t)
  for (const Origin of ['https://example.org', 'null', 'http://127.0.0.1:1']) {
    assert.match(String(await connect(t, service.url, { Origin }).catch((error: unknown) => error)), '403', Origin)
  }
  const client = await connect(t, service.url, { Origin: service.url })
  client.send({ requestId: 'a', cmd: [sh('echo fine')] })
  assert.is((await client.next()).results[0].status, 'Accepted')
})

test('without the token there is no connection', async (t) => {
  const service = await startService(t, { token: 'secret' })
  const refused = await connect(t, service.url).catch((error: unknown) => String(error))
  assert.match(String(refused), '401')
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', Authorization: 'Bearer secret' }
  const elsewhere = request(`${service.url}/problems`, { headers: upgrade })
  elsewhere.on('error', () => {}).end()
  await new Promise((resolve) => elsewhere.once('close', resolve))
  const client = await connect(t, service.url, { Authorization: 'Bearer secret' })
  client.send({ requestId: 'a', cmd: [sh('echo fine')] })
  assert.is((await client.next()).results[0].status, 'Accepted')
})

test.run()
