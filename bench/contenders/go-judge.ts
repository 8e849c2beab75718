// go-judge: a server of its own, asked over HTTP for each run (its REST interface, `POST /run`).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Starter } from '../support/types.js'

const READY_MS = 5000
const SECOND_NS = 1e9

export async function startGoJudge(path: string): Promise<Starter> {
  const port = await freePort()
  const server = spawn(path, ['-http-addr', `127.0.0.1:${port}`], { stdio: 'ignore' })
  const failed = once(server, 'error').then(([error]) => Promise.reject(error))
  failed.catch(() => {})
  const agent = new Agent({ keepAlive: true })
  const close = async () => {
    agent.destroy()
    if (!hasEnded(server)) {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
  }
  const files = [{ content: '' }, { name: 'stdout', max: 1024 }, { name: 'stderr', max: 1024 }]
  const limits = { cpuLimit: 10 * SECOND_NS, memoryLimit: 2 ** 28, procLimit: 16 }
  const body = JSON.stringify({ cmd: [{ args: ['/bin/true'], env: [], files, ...limits }] })
  try {
    await Promise.race([failed, untilReady(server, agent, port)])
  } catch (error) {
    await close()
    throw error
  }
  return {
    async start() {
      const [result] = JSON.parse(await ask(agent, port, 'POST', '/run', body)) as { status: string }[]
      if (result?.status !== 'Accepted') throw new Error(`go-judge answered ${JSON.stringify(result)}`)
      return undefined
    },
    close,
  }
}

async function untilReady(server: ChildProcess, agent: Agent, port: number): Promise<void> {
  const deadlineMs = performance.now() + READY_MS
  for (;;) {
    if (hasEnded(server)) throw new Error(`go-judge ended with ${server.signalCode ?? server.exitCode}`)
    try {
      await ask(agent, port, 'GET', '/version')
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(50)
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

async function ask(agent: Agent, port: number, method: string, path: string, body = ''): Promise<string> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const asked = request({ agent, host: '127.0.0.1', port, method, path, headers })
  asked.end(body)
  const [response] = await once(asked, 'response')
  const answer = await text(response)
  if (response.statusCode !== 200) throw new Error(`go-judge answered ${response.statusCode}: ${answer}`)
  return answer
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
