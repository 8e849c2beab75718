// What is written after a flag, as the value that the API takes. What does not look like one is handed on as it is: then
// the API says what it expected, with the bounds and the unit.

import { readFileSync } from 'node:fs'
import { UsageError } from './command.js'

/** From the text of a flag to what the API is given. `flag` has its hyphens. */
export type Reader = (text: string, flag: string) => unknown

/** Parts between separators; a backslash takes the meaning of the character that follows. */
export function splitAt(text: string, separator: string): string[] {
  const parts = ['']
  for (const [piece] of text.matchAll(/\\.|[^\\]|\\$/gsu)) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}

/** Text without the backslashes that {@link splitAt} has left in it. */
export function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gsu, '$1')
}

export const text: Reader = (given) => given

export const number: Reader = (given) => (/^[+-]?\d+(\.\d+)?$/.test(given) ? Number(given) : given)

/** Permission bits as chmod(1) takes them. */
export const octal: Reader = (given) =>
  /^(0o)?[0-7]{1,5}$/.test(given) ? Number.parseInt(given.replace('0o', ''), 8) : given

/** `a,b`; `none` is a list with nothing in it. */
function list(of: Reader): Reader {
  return (given, flag) => (given === 'none' ? [] : splitAt(given, ',').map((part) => of(unescaped(part), flag)))
}

export const words: Reader = list(text)
export const numbers: Reader = list(number)

/** `key=value,key`: keys are those of the API with hyphens; a key alone is true. */
function options(given: string, flag: string, readers: Readonly<Record<string, Reader>> = {}): Record<string, unknown> {
  const entries = splitAt(given, ',').map((part) => {
    const [key = '', ...rest] = splitAt(part, '=')
    const name = key.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
    if (rest.length === 0) return [name, true] as const
    const value = unescaped(rest.join('='))
    return [name, (Object.hasOwn(readers, name) ? (readers[name] as Reader) : text)(value, flag)] as const
  })
  return Object.fromEntries(entries)
}

/** `SOURCE[:TARGET][:writable,optional]`: a target is absolute, and so told from options. */
export const bind: Reader = (given, flag) => {
  const [source = '', ...rest] = splitAt(given, ':')
  const target = rest[0]?.startsWith('/') ? rest.shift() : undefined
  const [how, tooMuch] = rest
  if (tooMuch !== undefined) {
    throw new UsageError(`${flag}: expected SOURCE[:TARGET][:writable,optional], but received '${given}'.`, {
      flag,
      suggestion: "A colon in a path is written '\\:'.",
    })
  }
  const to = target === undefined ? undefined : unescaped(target)
  return [unescaped(source), to, how === undefined ? undefined : options(how, flag)]
}

/** `TARGET[:size=SIZE,mode=MODE]`. */
export const tmpfs: Reader = (given, flag) => {
  const [target = '', ...rest] = splitAt(given, ':')
  return [unescaped(target), rest.length === 0 ? undefined : options(rest.join(':'), flag, { mode: octal })]
}

function contentOf(file: string, flag: string): string | Uint8Array {
  const bytes = bytesOf(file, flag)
  // Text stays readable in a plan; what is no UTF-8 is kept as it is.
  const asText = bytes.toString('utf8')
  return Buffer.from(asText, 'utf8').equals(bytes) ? asText : bytes
}

function bytesOf(file: string, flag: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${flag}: '${file}' cannot be read: ${code}.`, {
      flag,
      suggestion: 'Name a file of the host.',
    })
  }
}

/** `TARGET[:mode=MODE]=TEXT`, or `=@FILE` for what is in a file of the host; `=@@TEXT` is text that begins with `@`. */
export const file: Reader = (given, flag) => {
  const match = /^((?:\\.|[^\\:=])*)(?::([^=]*=[^=]*))?=(.*)$/su.exec(given)
  if (!match) {
    throw new UsageError(`${flag}: expected TARGET[:mode=MODE]=TEXT or =@FILE, but received '${given}'.`, {
      flag,
      suggestion: "Write --file /etc/motd=hello, or --file /etc/motd=@motd.txt for a file's content.",
    })
  }
  const [, target = '', how, written = ''] = match
  const content = written.startsWith('@@')
    ? written.slice(1)
    : written.startsWith('@')
      ? contentOf(written.slice(1), flag)
      : written
  return [unescaped(target), content, how === undefined ? undefined : options(how, flag, { mode: octal })]
}

/** `TARGET:PATH`, in the order of `ln -s`. */
export const symlink: Reader = (given, flag) => {
  const [target = '', path, tooMuch] = splitAt(given, ':')
  if (path !== undefined && tooMuch === undefined) return [unescaped(target), unescaped(path)]
  throw new UsageError(`${flag}: expected TARGET:PATH, but received '${given}'.`, {
    flag,
    suggestion: 'TARGET is what the link says, PATH where it lies, as in `ln -s TARGET PATH`.',
  })
}

/** `NAME=VALUE`; `NAME` alone is what the caller has, and nothing if it has none. */
export const variable: Reader = (given) => {
  const at = given.indexOf('=')
  const name = at < 0 ? given : given.slice(0, at)
  return [{ [name]: at < 0 ? process.env[name] : given.slice(at + 1) }]
}

/** `UID[:GID]`. */
export const ids: Reader = (given, flag) => {
  const [uid = '', ...gid] = given.split(':')
  return [number(uid, flag), gid.length === 0 ? undefined : number(gid.join(':'), flag)]
}

/** `DEVICE:read-bps=SIZE,...`: the device itself may be a pair of numbers with a colon. */
export const io: Reader = (given, flag) => {
  const at = given.lastIndexOf(':')
  if (at < 0 || !given.slice(at).includes('=')) {
    throw new UsageError(`${flag}: expected DEVICE:KEY=VALUE,..., but received '${given}'.`, {
      flag,
      suggestion: 'Keys: read-bps, write-bps, read-iops, write-iops.',
    })
  }
  const numeric = { readIops: number, writeIops: number }
  return [{ device: unescaped(given.slice(0, at)), ...options(given.slice(at + 1), flag, numeric) }]
}

/** A word, or the file of a profile: what has a slash or ends with `.json`. */
export const profile: Reader = (given, flag) => {
  if (!given.includes('/') && !given.endsWith('.json')) return [given]
  const json = bytesOf(given, flag).toString('utf8')
  try {
    return [JSON.parse(json)]
  } catch (error) {
    const reason = (error as Error).message
    const suggestion = "A profile has the JSON shape of Docker's and the OCI's."
    throw new UsageError(`${flag}: '${given}' is no JSON: ${reason}.`, { flag, suggestion })
  }
}
