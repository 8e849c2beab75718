// What binding/init/wire.h and steps.def say, read from their texts: the other side of the protocol's constants.
import { readFileSync } from 'node:fs'

const read = (name: string) => readFileSync(new URL(`../../binding/init/${name}`, import.meta.url), 'utf8')

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '')

const header = withoutComments(read('wire.h'))

/** The members of `enum name`, counted as C counts them. */
export function readEnum(name: string): Record<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(header)?.[1]
  if (body === undefined) throw new Error(`wire.h has no enum ${name}`)
  const members: Record<string, number> = {}
  let next = 0
  for (const item of body.split(',')) {
    const match = /^\s*(\w+)\s*(?:=\s*(\w+))?\s*$/.exec(item)
    if (!match) continue
    const value = match[2] === undefined ? next : Number(match[2])
    members[match[1] as string] = value
    next = value + 1
  }
  return members
}

/** The value of `#define name`. */
export function readDefine(name: string): number {
  const value = new RegExp(`#define ${name} (\\w+?)u?\\n`).exec(header)?.[1]
  if (value === undefined) throw new Error(`wire.h has no ${name}`)
  return Number(value)
}

/** The names of steps.def, in order. */
export function readSteps(): string[] {
  return [...withoutComments(read('steps.def')).matchAll(/STEP\(\w+,\s*"([^"]+)"\)/g)].map(
    (match) => match[1] as string,
  )
}
