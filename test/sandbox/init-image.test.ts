// Where init's program comes from: a sealed memfd, or a file where memfds may not be executed.
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { box, firstText, probeRootfs, spawnProbe } from '../support/boxes.js'
import { run } from '../support/command.js'
import { command, root } from '../support/host.js'
import { kernelFrom } from '../support/kinds.js'
import { suite } from '../support/suite.js'

const test = suite('init image', { warmUp: true })

/** vm.memfd_noexec; each pid namespace has its own. */
const memfdNoexec = kernelFrom(6, 3)

test(
  'where memfds may not be executed init comes from a file, of which nothing is left',
  async () => {
    const source = `
      import { sandbox } from 'cofferdam'
      import { readdirSync, readlinkSync } from 'node:fs'
      import { tmpdir } from 'node:os'
      const { stdout } = await sandbox().rootfs(${JSON.stringify(probeRootfs)}).run('/probe', ['say', 'works'])
      const links = readdirSync('/proc/self/fd').flatMap((fd) => {
        try { return [readlinkSync('/proc/self/fd/' + fd)] } catch { return [] }
      })
      const images = links.filter((link) => link.includes('cofferdam-init'))
      console.log(JSON.stringify({ stdout, images, left: readdirSync(tmpdir()).filter((name) => name.startsWith('cofferdam-init')) }))`
    const node = [process.execPath, '--input-type=module', '--eval', source]
    const script = 'echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"'
    const flags = ['--pid', '--fork', '--mount', '--mount-proc']
    const result = await run('unshare', [...flags, 'sh', '-c', script, 'sh', ...node])
    assert.is(result.code, 0, result.stderr)
    const { stdout, images, left } = JSON.parse(result.stdout)
    assert.is(stdout, 'works\n')
    assert.equal(left, [])
    assert.is(images.length, 1)
    assert.match(images[0], / \(deleted\)$/)
    assert.not.match(images[0], 'memfd:')
  },
  { only: memfdNoexec, needs: [root, command('unshare')] },
)

test('the program of a running init cannot be written to', async (t) => {
  const child = await spawnProbe(t, box(), ['say', 'ready', ',', 'sleep', '60'])
  await firstText(child.stdout)
  const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
  assert.match(readlinkSync(`/proc/${parent}/exe`), 'memfd:cofferdam-init')
  assert.throws(() => openSync(`/proc/${parent}/exe`, 'r+'), /ETXTBSY|EPERM|EACCES/)
  const images = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('memfd:cofferdam-init')
    } catch {
      return false
    }
  })
  assert.is(images.length, 1)
  assert.throws(() => openSync(`/proc/self/fd/${images[0]}`, 'r+'), /ETXTBSY|EPERM|EACCES/)
})

test.run()
