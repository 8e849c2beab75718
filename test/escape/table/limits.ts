// Using more than is allowed, each in the way in which it might not be counted.
import type { Limits, Sandbox } from 'cofferdam'
import { controller, cpuClock } from '../../support/host.js'
import { type Attack, lost, type Play, verdictOf, won } from '../attack.js'
import { attackRoot, inside, outputs, withOutputs } from '../stage.js'

const MIB = 2 ** 20
const MEMORY = controller('memory')

const limited = (limits: Limits) => (recipe: Sandbox) => recipe.limits(limits)
// A writable layer would have its own, larger size.
const small = (recipe: Sandbox) => recipe.rootfs(attackRoot(), { mode: 'readonly' })
const roomy = (recipe: Sandbox) => small(recipe).tmpfs('/tmp', { size: '128MiB' })
// Each pipe takes two descriptors.
const open = limited({ openFiles: 4096 })
const tight = (recipe: Sandbox) => open(recipe).limits({ memory: '32MiB' })

/** A way to hold 48 MiB; without a limit it can. */
const memory = (name: string, command: string, strict: string | RegExp = 'outcome memory-limit'): Attack => ({
  name: `memory by ${name}`,
  wall: 'memory.max counts it, whatever it is',
  play: inside(command, tight),
  expect: { default: 'outcome memory-limit', strict },
  control: { how: 'without a limit', play: inside(command, open) },
  needs: [MEMORY],
})

/** The page cache of a file of the host: it is written, and what the tree is counted with is looked at. */
const pageCache =
  (limit: Limits['memory']): Play =>
  async ({ t, recipe }) => {
    const bound = recipe.bind(outputs(t), '/out', { writable: true }).limits({ memory: limit ?? 'max' })
    const result = await bound.run('/attack', ['fill', '/out/file', String(64 * MIB)])
    if (result.outcome !== 'exited' || result.exitCode !== 0) return verdictOf(result)
    const { memoryPeakBytes } = result.usage
    if (memoryPeakBytes === undefined) throw new Error('This host does not tell the peak.')
    return memoryPeakBytes > 34 * MIB ? won(`${memoryPeakBytes} bytes at once`) : lost('within the limit')
  }

export const LIMITS: readonly Attack[] = [
  ...[1, 2].map(
    (fd): Attack => ({
      name: `an output bomb on ${fd === 1 ? 'a pipe' : 'stderr'}`,
      wall: 'the addon counts what passes',
      play: inside(`output ${fd} ${4 * MIB}`, limited({ output: '1MiB' })),
      expect: { default: 'outcome output-limit', strict: 'outcome output-limit' },
      control: { how: 'with a higher limit', play: inside(`output ${fd} ${4 * MIB}`, limited({ output: '64MiB' })) },
    }),
  ),
  {
    name: 'an output bomb into a file',
    wall: 'RLIMIT_FSIZE',
    play: withOutputs(`fill /out/file ${4 * MIB}`, limited({ fileSize: '1MiB' })),
    expect: { default: 'signal SIGXFSZ', strict: 'open: EACCES' },
    control: { how: 'without a limit', play: withOutputs(`fill /out/file ${4 * MIB}`) },
  },
  {
    name: 'filling the file systems in memory',
    wall: 'their size, also without limits',
    play: inside(`fill /tmp/file ${80 * MIB}`, small),
    expect: { default: 'write: ENOSPC', strict: 'open: EACCES' },
    control: { how: 'in a larger one', play: inside(`fill /tmp/file ${80 * MIB}`, roomy) },
  },
  {
    name: 'a sparse file',
    wall: 'RLIMIT_FSIZE',
    play: withOutputs(`sparse /out/file ${64 * MIB}`, limited({ fileSize: '1MiB' })),
    expect: { default: 'signal SIGXFSZ', strict: 'open: EACCES' },
    control: { how: 'without a limit', play: withOutputs(`sparse /out/file ${64 * MIB}`) },
  },
  {
    name: 'exhausting inodes',
    wall: 'nr_inodes of the file systems in memory',
    play: inside('inodes /tmp 20000', small),
    expect: { default: 'mknod: ENOSPC', strict: /^violation mknod(at)?$/ },
    control: { how: 'in a larger one', play: inside('inodes /tmp 20000', roomy) },
  },
  memory('a file in memory', `fill /tmp/file ${48 * MIB}`, 'open: EACCES'),
  memory('/dev/shm', `fill /dev/shm/file ${48 * MIB}`, 'open: EACCES'),
  memory('a memfd', `memory-memfd ${48 * MIB}`, 'violation memfd_create'),
  memory('a System V segment', `memory-segment ${48 * MIB}`, 'violation shmget'),
  memory('the buffers of pipes', `memory-pipes ${48 * MIB}`),
  {
    ...memory('a child', `memory-child ${48 * MIB}`, /^violation (clone|fork)$/),
    expect: { default: /^(outcome memory-limit|child: killed)$/, strict: /^violation (clone|fork)$/ },
  },
  {
    name: 'memory by the page cache',
    wall: 'memory.max counts it, and it is given back',
    play: pageCache('32MiB'),
    expect: { default: /^(within the limit|outcome memory-limit)$/, strict: 'open: EACCES' },
    control: { how: 'with a higher limit', play: pageCache('512MiB') },
    needs: [MEMORY],
  },
  {
    name: 'CPU time split over children',
    wall: "init reads the whole tree's clock",
    play: inside('spin-children 4 400', limited({ cpuTime: '200ms' })),
    expect: { default: 'outcome cpu-time-limit', strict: /^violation (clone|fork)$/ },
    control: { how: 'without a limit', play: inside('spin-children 4 150') },
    needs: [cpuClock],
  },
  {
    name: 'CPU time split over threads',
    wall: "init reads the whole tree's clock",
    play: inside('spin-threads 4 400', limited({ cpuTime: '200ms' })),
    expect: { default: 'outcome cpu-time-limit', strict: 'outcome cpu-time-limit' },
    control: { how: 'without a limit', play: inside('spin-threads 4 150') },
    needs: [cpuClock],
  },
]
