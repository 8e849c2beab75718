const [, ...numbers] = require('node:fs').readFileSync(0, 'latin1').trim().split('\n')
let here = 0
let best = -1e6
for (const text of numbers) {
  here = Math.max(here, 0) + Number(text)
  best = Math.max(best, here)
}
console.log(best)
