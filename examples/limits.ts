// Limits: what a program may use, and how its result says which limit ended it.
//
// A program that breaks a limit is no exception: the promise resolves, and `outcome` names the limit. `explain()` gives
// the same as an English sentence with figures; this example writes those to stderr.
//
// Prints:
//   busy loop: cpu-time-limit
//   sleeper: wall-time-limit
//   memory hog: memory-limit
//   fork bomb: pids-limit
//   output flood: output-limit
//   none of these: exited
import { sandbox } from 'cofferdam'

const programs = [
  // The CPU time of all its processes together.
  { name: 'busy loop', recipe: sandbox().limits({ cpuTime: '200ms' }), script: 'while :; do :; done' },
  { name: 'sleeper', recipe: sandbox().limits({ wallTime: '300ms' }), script: 'sleep 60' },
  { name: 'memory hog', recipe: sandbox().limits({ memory: '16MiB' }), script: 'a=x; while :; do a=$a$a; done' },
  { name: 'fork bomb', recipe: sandbox().limits({ pids: 16 }), script: 'while :; do sleep 60 & done' },
  // stdout and stderr together.
  { name: 'output flood', recipe: sandbox().limits({ output: '64KiB' }), script: 'while :; do echo and on; done' },
  { name: 'none of these', recipe: sandbox().limits({ memory: '64MiB', pids: 16 }), script: 'echo fine' },
]

for (const { name, recipe, script } of programs) {
  const result = await recipe.run('/bin/sh', ['-c', script])
  console.log(`${name}: ${result.outcome}`)
  console.error(`  ${result.explain()}`)
}
