import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended } from './support/command.js'
import { startVictim } from './support/victims.js'
const r = (p: string) => { try { return readFileSync(p, 'utf8') } catch (e: any) { return e.code } }
let found = false
const one = async () => {
  const victim = startVictim(`
        for (let i = 0; i < 8; i++) box.run('/probe', ['sleep', '60']).catch(() => {})
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * 10)`)
  const out = readlinkSync(`/proc/self/fd/${(victim.stdout as any)._handle.fd}`)
  const o = await Promise.race([ended(victim), sleep(3000)])
  if (o) return
  found = true
  for (const q of readdirSync('/proc').filter(x => /^\d+$/.test(x) && Number(x) !== process.pid)) {
    const st = r(`/proc/${q}/stat`)
    if (/ Z /.test(st)) continue
    if (r(`/proc/${q}/cgroup`).includes(`cofferdam.${victim.pid}.`) || st.includes('cofferdam-spawn') ) {
      console.log(q, st.slice(0, 60), r(`/proc/${q}/wchan`), r(`/proc/${q}/syscall`).trim())
      try { console.log('  ', readdirSync(`/proc/${q}/fd`).map(f => f + '=' + readlinkSync(`/proc/${q}/fd/${f}`)).join(' ')) } catch (e: any) { console.log(e.code) }
    }
  }
  process.kill
}
for (let n = 0; n < 60 && !found; n++) await Promise.all([one(), one(), one()])
process.exit()
