// Help texts of commands that take flags of a recipe: a short one, which fits a screen, and one with a line for each flag.

import type { Option } from './command.js'
import { FLAGS, type FlagGroup } from './flags.js'
import { wrap } from './text.js'

const WIDTH = 79
const INDENT = 7
const COLUMN = 32

const QUESTIONS: Readonly<Record<FlagGroup, string>> = {
  See: 'What it can see',
  Where: 'Where it works',
  Who: 'Who it is',
  Use: 'What it can use',
  Ask: 'What it may ask for',
}

const written = ({ name, value }: Option) => (value === undefined ? `--${name}` : `--${name} ${value}`)

/** Names alone, by question. */
export function flagNames(): string {
  const groups = Object.keys(QUESTIONS) as FlagGroup[]
  return groups
    .flatMap((group) => {
      const names = FLAGS.filter((flag) => flag.group === group).map(({ name }) => `--${name}`)
      return wrap(names.join(' '), WIDTH - INDENT).map((line, i) => `${(i === 0 ? group : '').padEnd(INDENT)}${line}`)
    })
    .join('\n')
}

/** A line for each, by question. */
export function flagLines(): string {
  const groups = Object.entries(QUESTIONS) as [FlagGroup, string][]
  return groups
    .map(([group, question]) => {
      const lines = FLAGS.filter((flag) => flag.group === group).flatMap((flag) => {
        const left = `  ${written(flag)}`
        const fits = left.length < COLUMN
        const texts = wrap(flag.help, WIDTH - COLUMN).map(
          (line, i) => `${(i === 0 && fits ? left : '').padEnd(COLUMN)}${line}`,
        )
        return fits ? texts : [left, ...texts]
      })
      return `${question}\n${lines.join('\n')}`
    })
    .join('\n\n')
}
