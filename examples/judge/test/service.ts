// A whole service on a free port of the loopback, for one test.
import type { AddressInfo } from 'node:net'
import PQueue from 'p-queue'
import type { TestContext } from '../../../test/support/suite.js'
import type { CompatOptions } from '../src/compat/routes.js'
import { Judge } from '../src/engine/judge.js'
import { loadLanguages } from '../src/engine/languages.js'
import { loadProblems } from '../src/engine/problem.js'
import { buildServer } from '../src/http/server.js'
import { EmbeddedQueue } from '../src/queue/embedded.js'

export interface Service {
  url: string
  machine: PQueue
  get(path: string): Promise<Answer>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and say what they expect
  json: any
}

export interface ServiceOptions {
  token?: string
  concurrency?: number
  queueLimit?: number
  remembered?: number
  compat?: Partial<CompatOptions>
}

export async function startService(t: TestContext, options: ServiceOptions = {}): Promise<Service> {
  const { token, concurrency = 2, queueLimit = 100, remembered, compat } = options
  const problems = await loadProblems(new URL('../problems', import.meta.url).pathname)
  const judge = new Judge(problems, await loadLanguages(new URL('../languages.json', import.meta.url)))
  const machine = new PQueue({ concurrency })
  const submissions = new EmbeddedQueue(judge, machine, queueLimit, remembered)
  const app = await buildServer({ judge, submissions, machine, token, compat: { queueLimit, ...compat } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.cleanUp(async () => {
    await app.close()
    await submissions.close()
    await machine.onIdle()
    await judge.close()
  })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(url + path, { ...init, headers: { Connection: 'close', ...init.headers } })
    const text = await response.text()
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    return { status: response.status, headers: response.headers, text, json }
  }
  return {
    url,
    machine,
    get: (path) => ask(path),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  }
}

/** Polls until it is so. */
export async function until(isSo: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 60_000; performance.now() < endMs; ) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`Within 60 s it did not come about that ${what}.`)
}
