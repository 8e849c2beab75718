// Pool: many short runs, a few at once, each in a sandbox of its own that was booted before it was needed.
//
// Jobs of a higher priority overtake those that wait. A run that goes wrong is a result like any other, and harms no
// other run: here one of them never ends, and is ended at its limit.
//
// Prints:
//   urgent: exited
//   3 squared is 9
//   4 squared is 16
//   stuck: wall-time-limit
//   5 squared is 25
//   jobs left: 0
import { SandboxPool, sandbox } from 'cofferdam'

const recipe = sandbox().limits({ wallTime: '300ms' })
await using pool = new SandboxPool({ recipe, concurrency: 1, warm: 2, queueLimit: 50 })

pool.pause()
const square = async (n: number) => {
  const { stdout } = await pool.run('sh', ['-c', 'read n; echo $((n * n))'], { input: `${n}\n` })
  console.log(`${n} squared is ${stdout.trim()}`)
}
const say = async (name: string, file: string, args: string[], priority = 0) => {
  const { outcome } = await pool.run(file, args, { priority })
  console.log(`${name}: ${outcome}`)
}
const jobs = [square(3), square(4), say('stuck', 'sleep', ['60']), square(5), say('urgent', 'true', [], 10)]
pool.start()

await Promise.all(jobs)
await pool.onIdle()
console.log(`jobs left: ${pool.size + pool.pending}`)
