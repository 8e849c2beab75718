const lines = require('node:fs').readFileSync(0, 'utf8').trimEnd().split('\n')
for (const line of lines) {
  const letters = line.toLowerCase().match(/[a-z]/g) ?? []
  console.log(letters.join('') === letters.reverse().join('') ? 'yes' : 'no')
}
