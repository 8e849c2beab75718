// A measured process: does the task that its arguments name and prints the answer as JSON.
import { measureIdle } from './measure/idle.js'
import { measureLeaks } from './measure/leaks.js'
import { measureRounds } from './measure/rounds.js'
import { measureScale } from './measure/scale.js'
import { measureStalls } from './measure/stall.js'
import type { TaskName, Tasks } from './measure/tasks.js'
import { measureThroughput } from './measure/throughput.js'

const WORK: { [Name in TaskName]: (task: Tasks[Name]['task']) => Promise<Tasks[Name]['answer']> } = {
  rounds: measureRounds,
  stall: measureStalls,
  throughput: measureThroughput,
  scale: measureScale,
  idle: measureIdle,
  leaks: measureLeaks,
}

const [name, task] = process.argv.slice(2)
const work = WORK[name as TaskName] as (task: unknown) => Promise<unknown>
console.log(JSON.stringify(await work(JSON.parse(task ?? ''))))
