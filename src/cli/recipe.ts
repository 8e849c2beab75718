// From flags to a recipe: the builder's methods are called with what was read, so that all checks are those of the API.

import { type Sandbox, sandbox } from '../sandbox.js'
import { type Given, UsageError } from './command.js'
import { FLAGS, type Flag, flagThatSets } from './flags.js'

/** What was said about a verb whose options have flags of their own. */
interface Gathered {
  first: unknown
  readonly options: Record<string, unknown>
}

// A chroot wants to know first that mounts are shared, and whatever needs a namespace that it has one.
const FIRST = ['namespaces', 'share', 'network']
// Their options say nothing without them.
const NEED_FIRST = ['rootfs', 'subordinateIds']

const verbOf = ({ sets }: Flag) => sets.split('.')[0] as string
const GATHERED = new Set(FLAGS.filter(({ sets }) => sets.includes('.')).map(verbOf))

function call(recipe: Sandbox, verb: string, args: unknown): Sandbox {
  const method = (recipe as unknown as Record<string, (...args: unknown[]) => Sandbox>)[verb]
  return (method as (...args: unknown[]) => Sandbox).apply(recipe, args as unknown[])
}

/** A list goes on; what is no list is replaced. */
function merge(before: unknown, value: unknown): unknown {
  return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value
}

function argumentsOf(verb: string, { first, options }: Gathered): unknown[] {
  const [key] = Object.keys(options)
  if (!NEED_FIRST.includes(verb)) return [options]
  if (first !== undefined) return key === undefined ? [first] : [first, options]
  const [flag, needed] = [flagThatSets(`${verb}.${key}`), flagThatSets(verb)]
  throw new UsageError(`${flag} needs ${needed}.`, {
    ...(flag && { flag }),
    suggestion: `Add ${needed}, or drop ${flag}.`,
  })
}

/**
 * The recipe that options say; those that are no flags of a recipe are left to the sub-command.
 *
 * @throws UsageError for a value that has not the form of its flag; TypeError or RangeError from the builder's methods
 */
export function recipeOf(given: readonly Given[]): Sandbox {
  const gathered = new Map<string, Gathered>()
  const calls: [verb: string, args: unknown][] = []
  for (const { name, value = '' } of given) {
    const flag = FLAGS.find((each) => each.name === name)
    if (!flag) continue
    const verb = verbOf(flag)
    const read = flag.read(value, `--${name}`)
    if (!GATHERED.has(verb)) {
      calls.push([verb, read])
      continue
    }
    const parts = gathered.get(verb) ?? { first: undefined, options: {} }
    gathered.set(verb, parts)
    const key = flag.sets.split('.')[1]
    if (key === undefined) parts.first = merge(parts.first, read)
    else parts.options[key] = merge(parts.options[key], read)
  }
  const inOrder = [
    ...calls.filter(([verb]) => FIRST.includes(verb)),
    ...[...gathered].map(([verb, parts]) => [verb, argumentsOf(verb, parts)] as const),
    ...calls.filter(([verb]) => !FIRST.includes(verb)),
  ]
  return inOrder.reduce((recipe, [verb, args]) => call(recipe, verb, args), sandbox())
}
