// npm start: the judge as a service. Settings come from the environment (config.ts). Ends at SIGINT or SIGTERM, giving up
// what it judges; nothing of it stays behind.
import PQueue from 'p-queue'
import { ConfigError, readConfig } from './config.js'
import { buildServer } from './http/server.js'
import { loadJudge, runProgram } from './program.js'
import { EmbeddedQueue } from './queue/embedded.js'
import { RedisQueue } from './queue/redis.js'

await runProgram(main)

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const { languages, problems, judge } = await loadJudge(config)
  const machine = new PQueue({ concurrency: config.concurrency })
  const submissions =
    config.redisUrl === undefined
      ? new EmbeddedQueue(judge, machine, config.queueLimit)
      : new RedisQueue(judge, config.redisUrl, config.queueLimit)
  const { token, hostPrefixes, queueLimit } = config
  const app = await buildServer({ judge, submissions, machine, token, compat: { hostPrefixes, queueLimit } })
  const close = async () => {
    await app.close()
    await submissions.close()
    await machine.onIdle()
    await judge.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, close)
  try {
    const address = await app.listen({ host: config.host, port: config.port })
    console.log(`${problems.size} problems, ${[...languages.keys()].join(', ')}. Listening on ${address}`)
  } catch (error) {
    await close()
    throw new ConfigError(`Cannot listen on ${config.host}, port ${config.port}: ${(error as Error).message}`)
  }
}
