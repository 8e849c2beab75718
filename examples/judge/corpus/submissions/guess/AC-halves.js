const lines = require('node:readline').createInterface({ input: process.stdin })
let [low, high] = [1, 1e9]
let guess
const ask = () => console.log((guess = Math.floor((low + high) / 2)))
lines.on('line', (said) => {
  if (said === 'right') return lines.close()
  if (said === 'less') high = guess - 1
  else low = guess + 1
  ask()
})
ask()
