const [n] = require('node:fs').readFileSync(0, 'utf8').split(' ')
console.log(Array.from({ length: Number(n) }, (_, i) => `task${i + 1}`).join(' '))
