// npm run worker: judges submissions from Redis (REDIS_URL), as many at once as JUDGE_CONCURRENCY says. At SIGINT or
// SIGTERM it takes no more, and ends when those that it judges are done; at a second one at once, and others get them.
import { ConfigError, readConfig } from './config.js'
import { loadJudge, runProgram } from './program.js'
import { RedisWorker } from './queue/redis-worker.js'

await runProgram(main)

async function main(): Promise<void> {
  const { redisUrl, concurrency, lockMs, ...config } = readConfig(process.env)
  if (redisUrl === undefined) throw new ConfigError('Expected REDIS_URL to be set, such as redis://127.0.0.1:6379.')
  const { judge } = await loadJudge(config)
  const worker = new RedisWorker(judge, { url: redisUrl, concurrency, lockMs })
  let isClosing = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      if (isClosing) process.exit(1)
      isClosing = true
      await worker.close()
      await judge.close()
    })
  }
  await worker.ready()
  console.log(`Judging ${concurrency} at once from ${redisUrl.replace(/\/\/[^@/]*@/, '//')}`)
}
