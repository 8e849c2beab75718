// The runtime's own limit on recursion is as large as the stack allows.
const [n, ...parents] = require('node:fs').readFileSync(0, 'utf8').trim().split(/\s+/).map(Number)
const children = Array.from({ length: n + 1 }, () => [])
for (const [i, parent] of parents.entries()) children[parent].push(i + 2)
const depth = (node) => {
  let deepest = 0
  for (const child of children[node]) deepest = Math.max(deepest, depth(child))
  return deepest + 1
}
console.log(depth(1))
