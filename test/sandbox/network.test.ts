// The network namespace: a loopback device of its own and nothing else, in both directions.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type RunResult, type Sandbox, sandbox } from 'cofferdam'
import * as assert from 'uvu/assert'
import { ask, askHost, type NamespaceIds } from '../support/ask.js'
import { box, firstText, spawnProbe } from '../support/boxes.js'
import { command, root } from '../support/host.js'
import { probe } from '../support/probe.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('network', { warmUp: true })

interface Interface {
  name: string
  up: boolean
  address: string
}

const LOOPBACK: Interface = { name: 'lo', up: true, address: '127.0.0.1' }

/** A port of the host's loopback where somebody listens until the end of the test. */
async function listen(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.cleanUp(() => new Promise((done) => server.close(done)))
  return (server.address() as AddressInfo).port
}

/** Node pads the names of abstract sockets, so that the probe has to listen on the host, too. */
async function listenAbstract(t: TestContext, name: string): Promise<void> {
  const child = spawn(probe(), ['listen-abstract', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.cleanUp(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  assert.is(await firstText(child.stdout), 'listening\n')
}

/** An address of the host that is not its loopback's. */
function outerAddress(): string | undefined {
  return askHost<[Interface[]]>('ifaces')[0].find(({ name, up, address }) => name !== 'lo' && up && address)?.address
}

test('there is a loopback device that is up, and no other', async () => {
  assert.equal(await ask<[Interface[]]>(box(), 'ifaces'), [[LOOPBACK]])
  assert.equal(await ask<[Interface[]]>(box().network('none'), 'ifaces'), [[LOOPBACK]])
})

test('a program can connect to itself over TCP', async () => {
  assert.equal(await ask(box(), 'bind-loopback'), ['ok'])
})

test('nothing outside can be reached', async () => {
  assert.equal(await ask(box(), 'connect 192.0.2.1 80', 'connect 8.8.8.8 53'), ['ENETUNREACH', 'ENETUNREACH'])
  const address = outerAddress()
  if (address) assert.equal(await ask(box(), `connect ${address} 80`), ['ENETUNREACH'])
})

test("the host's services on loopback cannot be reached, unless the network is shared", async (t) => {
  const connect = `connect 127.0.0.1 ${await listen(t)}`
  assert.equal(await ask(box(), connect), ['ECONNREFUSED'])
  assert.equal(await ask(box().network('host'), connect), ['ok'])
  assert.equal(await ask(box().share('net'), connect), ['ok'])
})

test('abstract sockets of the host cannot be reached, unless the network is shared', async (t) => {
  const name = `cofferdam-test-${process.pid}`
  await listenAbstract(t, name)
  assert.equal(askHost(`connect-abstract ${name}`), ['ok'])
  assert.equal(await ask(box(), `connect-abstract ${name}`), ['ECONNREFUSED'])
  assert.equal(await ask(box().share('net'), `connect-abstract ${name}`), ['ok'])
})

test('neither the host nor another sandbox can reach sockets inside', async (t) => {
  const name = `cofferdam-inside-${process.pid}`
  const child = await spawnProbe(t, box(), ['listen-abstract', name])
  assert.is(await firstText(child.stdout), 'listening\n')
  assert.equal(askHost(`connect-abstract ${name}`), ['ECONNREFUSED'])
  assert.equal(await ask(box(), `connect-abstract ${name}`), ['ECONNREFUSED'])

  const shared = await spawnProbe(t, box().share('net'), ['listen-abstract', name])
  assert.is(await firstText(shared.stdout), 'listening\n')
  assert.equal(askHost(`connect-abstract ${name}`), ['ok'], 'the probe does listen')
})

test('with the network of the host its interfaces are seen', async () => {
  assert.equal(await ask(box().share('net'), 'ifaces'), askHost('ifaces'))
})

test('packets cannot be forged without the capability for it', async () => {
  assert.equal(await ask(box(), 'try-socket 17 3', 'try-socket 2 3'), ['EPERM', 'EPROTONOSUPPORT'])
  assert.equal(await ask(box().user(0), 'try-socket 17 3'), ['EPERM'])
  assert.equal(await ask(box().capabilities('net_raw'), 'try-socket 17 3'), ['ok'])
})

function ip(recipe: Sandbox, args: string): Promise<RunResult> {
  return recipe.run('ip', args.split(' '))
}

test(
  'with net_admin the network is made for the sandbox, which may change it',
  async () => {
    const recipe = sandbox().capabilities('net_admin')
    const down = await recipe.run('sh', ['-c', 'ip link set lo down && ip -oneline link show lo'])
    assert.match(down.stdout, 'state DOWN')
    const address = await recipe.run('sh', ['-c', 'ip addr add 10.11.12.13/8 dev lo && ip -oneline addr show lo'])
    assert.match(address.stdout, '10.11.12.13')
    assert.equal(askHost<[Interface[]]>('ifaces')[0].find(({ name }) => name === 'lo')?.up, true)
  },
  { needs: command('ip') },
)

test(
  'without a capability the network cannot be changed, also not by root inside',
  async () => {
    for (const recipe of [sandbox(), sandbox().user(0)]) {
      assert.match((await ip(recipe, 'link set lo down')).stderr, 'Operation not permitted')
      assert.match((await ip(recipe, 'addr add 10.11.12.13/8 dev lo')).stderr, 'Operation not permitted')
    }
  },
  { needs: [root, command('ip')] },
)

test('many sandboxes at once have a loopback and a network each, whether there was one ahead or not', async (t) => {
  const children = await Promise.all(
    Array.from({ length: 12 }, () =>
      spawnProbe(t, box(), ['ns', ',', 'ifaces', ',', 'bind-loopback', ',', 'sleep', '60']),
    ),
  )
  const seen = await Promise.all(children.map(async ({ stdout }) => linesOf(stdout, 3)))
  const names = seen.map(([ns = '']) => (JSON.parse(ns) as NamespaceIds).net)
  assert.is(new Set(names).size, 12)
  for (const [, interfaces = '', loopback] of seen) {
    assert.equal(JSON.parse(interfaces), [LOOPBACK])
    assert.is(loopback, 'ok')
  }
})

/** The probe writes what it has when it goes to sleep. */
async function linesOf(stream: NodeJS.ReadableStream | null, count: number): Promise<string[]> {
  const lines = (await firstText(stream)).trimEnd().split('\n')
  assert.is(lines.length, count)
  return lines
}

test.run()
