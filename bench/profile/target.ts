// What is profiled: starts one way, again and again, with marks that a trace of system calls shows.
import { setTimeout as sleep } from 'node:timers/promises'
import { FAMILIES } from '../contenders/families.js'
import type { Programs } from '../support/types.js'

const [name, calls, pauseMs, programs] = process.argv.slice(2)
const given = JSON.parse(programs ?? '') as Programs
const contender = FAMILIES.latency?.(given).find((one) => one.name === name)
if (!contender) throw new Error(`No contender is called ${name}.`)

const { start, close } = await contender.open(given)
// What the trace is filtered by.
process.title = 'bench-target'
const times: number[] = []
for (let call = 0; call < Number(calls) + 20; call++) {
  if (Number(pauseMs) > 0) await sleep(Number(pauseMs))
  const calledMs = performance.now()
  // Three marks for each call: nothing else in the process asks for this.
  void process.ppid
  const end = start()
  void process.ppid
  await end
  void process.ppid
  times.push(performance.now() - calledMs)
}
await close?.()
console.log(JSON.stringify({ pid: process.pid, times: times.slice(20) }))
