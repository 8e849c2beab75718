// npm run worker: judges submissions from Redis (REDIS_URL), as many at once as JUDGE_CONCURRENCY says. At SIGINT or
// SIGTERM it takes no more, and ends when those that it judges are done; at a second one at once, and others get them.
import { fileURLToPath } from 'node:url'
import { ConfigError, readConfig } from './config.js'
import { DescriptionError } from './engine/fields.js'
import { Judge } from './engine/judge.js'
import { loadLanguages } from './engine/languages.js'
import { loadProblems } from './engine/problem.js'
import { RedisWorker } from './queue/redis-worker.js'

try {
  await main()
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof DescriptionError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function main(): Promise<void> {
  const { redisUrl, concurrency, lockMs, ...config } = readConfig(process.env)
  if (redisUrl === undefined) throw new ConfigError('Expected REDIS_URL to be set, such as redis://127.0.0.1:6379.')
  const languages = await loadLanguages(config.languages ?? new URL('../languages.json', import.meta.url))
  const problems = await loadProblems(config.problems ?? fileURLToPath(new URL('../problems', import.meta.url)))
  const judge = new Judge(problems, languages)
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
