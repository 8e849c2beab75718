// An upper layer on a file system that cannot hold one, or that is full: a typed error that says which, no litter.
import * as assert from 'uvu/assert'
import { type Refusal, unprivilegedCaller } from '../support/caller.js'
import { anyUser, command, type Need, root } from '../support/host.js'
import { askOn, type Host } from '../support/hosts.js'
import { kernelFrom } from '../support/kinds.js'
import { suite } from '../support/suite.js'

const test = suite('refused uppers', { warmUp: true })

const NEEDS: readonly Need[] = [root, anyUser, unprivilegedCaller, command('unshare'), command('setpriv')]

interface Answer {
  refused: Refusal
  /** What is beside the upper directory afterwards. */
  beside: string[]
}

const BODY = `
  const { readdirSync } = await import('node:fs')
  const { setTimeout: sleep } = await import('node:timers/promises')
  const refused = await refusal(sandbox().rootfs(rootfs, { upper: args[0] + '/upper' }).user(0).run('/probe', ['write', '/new', 'x']))
  const deadlineMs = performance.now() + 2000
  while (readdirSync(args[0]).some((name) => name.startsWith('.cofferdam')) && performance.now() < deadlineMs) await sleep(5)
  return { refused, beside: readdirSync(args[0]).filter((name) => name !== 'fill') }`

const MAKE = 'mkdir -m 777 /mnt/upper && chmod 777 /mnt'
const CASES: readonly (readonly [what: string, prepare: string, hint: RegExp, directory?: string])[] = [
  [
    'on an overlay',
    'mount -t tmpfs none /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/o && mount -t overlay overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/o && mkdir -m 777 /mnt/o/upper && chmod 777 /mnt/o',
    /takes no upper layer on the overlay file system of \/mnt\/o\/upper/,
    '/mnt/o',
  ],
  [
    'where one inode is left, for the work directory but not for what is in it',
    `mount -t tmpfs -o nr_inodes=3 none /mnt && ${MAKE}`,
    /hardly any room left on the tmpfs file system of \/mnt\/upper/,
  ],
  [
    'where no inode is left',
    `mount -t tmpfs -o nr_inodes=2 none /mnt && ${MAKE}`,
    /no space, or no inode, left: free some on the file system of the upper directory/,
  ],
  [
    'on a file system that is mounted read-only',
    `mount -t tmpfs none /mnt && ${MAKE} && mount -o remount,ro /mnt`,
    /must be writable there/,
  ],
]

for (const [what, prepare, hint, directory = '/mnt'] of CASES) {
  for (const ordinary of [false, true]) {
    test(
      `${ordinary ? 'an ordinary user' : 'root'}: an upper ${what}, is refused with the cause, and nothing is left beside it`,
      async () => {
        const host: Host = { prepare, ordinary }
        const { refused, beside } = await askOn<Answer>(host, BODY, directory)
        assert.is(refused.name, 'SandboxSetupError', JSON.stringify(refused))
        assert.match(refused.hint ?? '', hint)
        assert.equal(beside, ['upper'])
      },
      { needs: NEEDS },
    )
  }
}

test(
  'root: an upper on a file system without idmapped mounts is refused; an ordinary user needs none',
  async () => {
    const prepare = `mount -t ramfs none /mnt && ${MAKE}`
    const { refused, beside } = await askOn<Answer>({ prepare }, BODY, '/mnt')
    assert.match(refused.hint ?? '', /work directory on the ramfs file system of \/mnt\/upper: .*idmapped mounts/)
    assert.equal(beside, ['upper'])
    const { refused: none } = await askOn<Answer>({ prepare, ordinary: true }, BODY, '/mnt')
    assert.is(none.name, 'none', none.message)
  },
  { needs: NEEDS },
)

for (const ordinary of [false, true]) {
  test(
    `${ordinary ? 'an ordinary user' : 'root'}: a disk that is full is the program's ENOSPC, and a sandbox on another one is unharmed`,
    async () => {
      const answer = await askOn<{ full: string; other: string }>(
        {
          ordinary,
          prepare: `mount -t tmpfs -o size=64k none /mnt && ${MAKE} && { dd if=/dev/zero of=/mnt/fill bs=4k 2>/dev/null || true; }`,
        },
        `const write = (recipe) => recipe.user(0).run('/probe', ['write-file', '/new', '10000']).then(({ outcome, stderr }) => outcome + ' ' + stderr.trim())
         const [full, other] = await Promise.all([write(sandbox().rootfs(rootfs, { upper: '/mnt/upper' })), write(box())])
         return { full, other }`,
      )
      assert.match(answer.full, /^exited probe: (open|write): ENOSPC$/)
      assert.is(answer.other, 'exited ')
    },
    // As in upper.test.ts: before, overlayfs of root cannot even make its work directory there.
    { needs: NEEDS, only: ordinary ? [] : kernelFrom(6, 3) },
  )
}

test.run()
