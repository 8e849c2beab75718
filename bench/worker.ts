// A measured process: does the task that its arguments name and prints the answer as JSON.
import { measureIdle } from './idle.js'
import { measureLatency } from './latency.js'
import { measureLeaks } from './leaks.js'
import { measureStalls } from './stall.js'
import type { TaskName, Tasks } from './tasks.js'

const WORK: { [Name in TaskName]: (task: Tasks[Name]['task']) => Promise<Tasks[Name]['answer']> } = {
  latency: measureLatency,
  stall: measureStalls,
  idle: measureIdle,
  leaks: measureLeaks,
}

const [name, task] = process.argv.slice(2)
const work = WORK[name as TaskName] as (task: unknown) => Promise<unknown>
console.log(JSON.stringify(await work(JSON.parse(task ?? ''))))
