// What is left where outputs are collected, against a host that collects as examples/collect does, and one that is naive.
import { linkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CollectError, collect } from '../../../examples/collect/collect.js'
import { firstText } from '../../support/boxes.js'
import { root } from '../../support/host.js'
import { type Attack, lost, type Play, spoken, type Verdict, verdictOf, won } from '../attack.js'
import { anotherRun, outputs, SECRET, secretFile } from '../stage.js'

const MAXIMUM_BYTES = 2 ** 20

type Collector = (directory: string, path: string) => Promise<Buffer>

const careful: Collector = (directory, path) => collect(directory, path, MAXIMUM_BYTES)
const naive: Collector = (directory, path) => readFile(join(directory, path))

/** The host's side: it must not come by anything that the program could not have written, nor by too much. */
async function taken(collector: Collector, directory: string, path: string): Promise<Verdict> {
  try {
    const bytes = await collector(directory, path)
    if (bytes.length > MAXIMUM_BYTES) return won(`${bytes.length} bytes were taken`)
    return bytes.includes(SECRET) ? won('the secret was taken') : lost('taken as it is')
  } catch (error) {
    if (error instanceof CollectError) return lost(error.reason)
    throw error
  }
}

interface Trap {
  readonly kind: string
  /** What the program is to leave, relative to /out, and what the host then collects. */
  readonly leave: string
  readonly path?: string
  readonly argument?: (secret: string) => string
}

const trap =
  (collector: Collector, { kind, leave, path = leave, argument = () => '' }: Trap): Play =>
  async ({ t, recipe }) => {
    const directory = outputs(t)
    const secret = secretFile(t)
    const bound = recipe.bind(directory, '/out', { writable: true })
    const result = await bound.run('/attack', ['leave', `/out/${leave}`, kind, argument(secret)])
    const left = spoken(result.stdout)
    return left?.won ? taken(collector, directory, path) : verdictOf(result)
  }

function attack(name: string, made: Trap, reason: string | RegExp, naiveWins: boolean): Attack {
  return {
    name,
    wall: 'the host opens below its directory, without links, without waiting, and plain files only (examples/collect)',
    play: trap(careful, made),
    expect: { default: reason, strict: /^(violation \w+|\w+: EACCES)$/ },
    control: naiveWins
      ? { how: 'against a host that reads the path', play: trap(naive, made) }
      : { impossible: 'a host that reads the path would wait for ever, or fail; it would not come by anything' },
  }
}

/** A hard link to what only the host may read: the kernel refuses it unless fs.protected_hardlinks is off. */
const hardLink =
  (collector: Collector): Play =>
  async ({ t, recipe }) => {
    const directory = outputs(t)
    writeFileSync(join(directory, 'private'), SECRET, { mode: 0o600 })
    const bound = recipe.bind(directory, '/out', { writable: true })
    const result = await bound.run('/attack', ['leave', '/out/answer', 'link', '/out/private'])
    if (result.outcome === 'seccomp-violation') return verdictOf(result)
    // As on a host that allows it.
    if (!spoken(result.stdout)?.won) linkSync(join(directory, 'private'), join(directory, 'answer'))
    return taken(collector, directory, 'answer')
  }

const growing =
  (collector: Collector): Play =>
  async ({ t, recipe }) => {
    const directory = outputs(t)
    const program = await anotherRun(
      t,
      recipe.bind(directory, '/out', { writable: true }),
      `grow /out/answer ${2 ** 25}`,
    )
    const said = await firstText(program.stdout, '\n')
    if (!said.includes('growing')) return spoken(said) ?? lost('it has not begun')
    for (let verdict: Verdict, round = 0; ; round++) {
      verdict = await taken(collector, directory, 'answer')
      if (verdict.won || /larger/.test(verdict.reason)) return verdict
      if (round === 100_000) throw new Error(`It does not grow: ${verdict.reason}`)
    }
  }

export const OUTPUTS: readonly Attack[] = [
  attack(
    'the go-judge 176 class: a symbolic link left as an output',
    { kind: 'symlink', leave: 'answer', argument: (secret) => secret },
    'answer could not be opened, ELOOP',
    true,
  ),
  attack(
    'a symbolic link left as a directory of outputs',
    { kind: 'symlink', leave: 'results', path: 'results/secret', argument: dirname },
    /^results could not be opened, (ENOTDIR|ELOOP)$/,
    true,
  ),
  attack('a FIFO left as an output', { kind: 'fifo', leave: 'answer' }, 'it is not a plain file', false),
  attack('a device left as an output', { kind: 'device', leave: 'answer' }, 'device: EPERM', false),
  attack('a directory left as an output', { kind: 'directory', leave: 'answer' }, 'it is not a plain file', false),
  attack(
    'a sparse file left as an output',
    { kind: 'sparse', leave: 'answer', argument: () => String(2 ** 26) },
    `it is larger than ${MAXIMUM_BYTES} bytes`,
    true,
  ),
  {
    name: "a hard link to the host's own file left as an output",
    wall: 'the host takes files of one name only (examples/collect); fs.protected_hardlinks',
    play: hardLink(careful),
    expect: { default: 'it has another name elsewhere', strict: /^violation link(at)?$/ },
    control: { how: 'against a host that reads the path', play: hardLink(naive) },
    needs: [root],
  },
  {
    name: 'a file that grows while it is copied out',
    wall: 'the host reads no further than the size at the beginning (examples/collect)',
    play: growing(careful),
    expect: { default: `it is larger than ${MAXIMUM_BYTES} bytes`, strict: 'open: EACCES' },
    control: { how: 'against a host that reads to the end', play: growing(naive) },
  },
]
