// Another process that starts a cold sandbox when it is told to: the control of measure/stall.ts.
import { sandbox } from 'cofferdam'
import type { Programs } from './types.js'

const { rootfs } = JSON.parse(process.argv[2] ?? '') as Programs
const recipe = sandbox().rootfs(rootfs)

process.on('message', async () => {
  await recipe.run('/true')
  process.send?.('done')
})
