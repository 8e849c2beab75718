// Another process that starts what it is told to: the control of stall.ts.
import { CONTENDERS } from './contenders.js'
import type { Programs } from './tasks.js'

const [name = '', programs = ''] = process.argv.slice(2)
const start = CONTENDERS[name]?.(JSON.parse(programs) as Programs)

process.on('message', async () => {
  await start?.()
  process.send?.('done')
})
