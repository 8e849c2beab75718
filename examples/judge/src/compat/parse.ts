// From the JSON of a request to model.ts.
import {
  type Command,
  type CopyIn,
  type CopyOut,
  type Descriptor,
  type InputFile,
  type Pipe,
  RequestError,
  type RunRequest,
  Value,
} from './model.js'

const MAX_COMMANDS = 16
const MAX_WORDS = 4096
const MAX_FILES = 256
const DEFAULT_COLLECTOR_BYTES = 64 * 2 ** 20
const NANOSECONDS = 1e6
const UNSUPPORTED: Record<string, string> = {
  tty: 'a terminal is not offered: use pipes',
  addressSpaceLimit: 'limits are those of the whole tree: use memoryLimit',
  copyOutDir: 'nothing is written to the host: use copyOut or copyOutCached',
}

/** @throws RequestError */
export function parseRequest(json: unknown): RunRequest {
  const request = new Value(json, '').object()
  const id = request.member('requestId')
  const list = request.member('cmd').list(MAX_COMMANDS)
  if (list.length === 0) request.member('cmd').fail('a list of at least one command')
  const commands = list.map(parseCommand)
  const pipes = request
    .member('pipeMapping')
    .list(3 * MAX_COMMANDS)
    .map((value) => parsePipe(value, commands.length))
  connect(commands, pipes)
  return { requestId: id.isAbsent ? '' : id.text(), commands, pipes }
}

function parseCommand(value: Value): Command {
  value.object()
  for (const [name, why] of Object.entries(UNSUPPORTED)) {
    const given = value.member(name).value
    if (given) throw new RequestError(`${value.place}.${name} cannot be had here; ${why}.`)
  }
  const [file, ...args] = value
    .member('args')
    .list(MAX_WORDS)
    .map((word) => word.text())
  if (!file) value.member('args').fail('a list that begins with a program')
  const milliseconds = (name: string) => {
    const nanoseconds = value.member(name).amount()
    return nanoseconds === undefined ? undefined : Math.max(1, nanoseconds / NANOSECONDS)
  }
  const cpuTimeMs = milliseconds('cpuLimit')
  // As go-judge: twice the CPU time unless given. realCpuLimit is its old name.
  const clockMs = milliseconds('clockLimit') ?? milliseconds('realCpuLimit')
  const cpuset = value.member('cpuSetLimit')
  const rate = value.member('cpuRateLimit').amount()
  const descriptors = parseDescriptors(value.member('files'))
  return {
    args: [file ?? '', ...args],
    env: Object.fromEntries(value.member('env').list(MAX_WORDS).map(parseVariable)),
    descriptors,
    cpuTimeMs,
    wallTimeMs: clockMs ?? (cpuTimeMs === undefined ? undefined : 2 * cpuTimeMs),
    memoryBytes: value.member('memoryLimit').amount(),
    stackBytes: value.member('stackLimit').amount(),
    pids: value.member('procLimit').amount(),
    cpu: rate === undefined ? undefined : rate / 1000,
    cpuset: cpuset.isAbsent || cpuset.value === '' ? undefined : cpuset.text(),
    copyIn: parseCopyIn(value.member('copyIn')),
    copyOut: [
      ...value
        .member('copyOut')
        .list(MAX_FILES)
        .map((path) => parseCopyOut(path, false)),
      ...value
        .member('copyOutCached')
        .list(MAX_FILES)
        .map((path) => parseCopyOut(path, true)),
    ],
    copyOutMaxBytes: value.member('copyOutMax').amount(),
    copyOutTruncate: value.member('copyOutTruncate').flag(),
  }
}

function parseVariable(value: Value): [string, string] {
  const text = value.text()
  const at = text.indexOf('=')
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : value.fail('a text like NAME=value')
}

function parseDescriptors(value: Value): Command['descriptors'] {
  const given = value.list(MAX_WORDS)
  const beyond = given.find((file, fd) => fd > 2 && !file.isAbsent)
  if (beyond) beyond.fail('left out: commands have the descriptors 0, 1 and 2')
  const [stdin, stdout, stderr] = [0, 1, 2].map((fd) => parseDescriptor(given[fd], fd)) as Command['descriptors']
  const names = [stdout, stderr].flatMap((one) =>
    typeof one === 'object' && 'collector' in one ? one.collector.name : [],
  )
  if (new Set(names).size < names.length) value.fail('collectors of different names')
  return [stdin, stdout, stderr]
}

function parseDescriptor(value: Value | undefined, fd: number): Descriptor {
  if (value === undefined) return 'none'
  // Which pipe it is, connect() says.
  if (value.isAbsent) return 'pipe'
  value.object()
  for (const name of ['streamIn', 'streamOut']) {
    if (value.member(name).flag()) value.fail('no stream: /stream is not offered here')
  }
  if (!value.member('name').isAbsent) {
    if (fd === 0) value.fail('an input: descriptor 0 is read')
    const max = value.member('max').amount() ?? DEFAULT_COLLECTOR_BYTES
    return { collector: { name: value.member('name').text(), max: Math.min(max, DEFAULT_COLLECTOR_BYTES) } }
  }
  const input = parseInput(value)
  return fd === 0 ? { input } : value.fail('a collector: descriptors 1 and 2 are written to')
}

function parseInput(value: Value): InputFile {
  for (const name of ['content', 'fileId', 'src'] as const) {
    const member = value.object().member(name)
    if (member.isAbsent) continue
    if (name === 'content') return { content: member.bytes() }
    return name === 'fileId' ? { fileId: member.text() } : { src: member.text() }
  }
  return value.fail('an object with content, fileId or src')
}

function parseCopyIn(value: Value): Map<string, CopyIn> {
  const files = new Map<string, CopyIn>()
  for (const [path, file] of value.entries(MAX_FILES)) {
    const below = parsePath(path, file)
    const link = file.object().member('symlink')
    files.set(below, link.isAbsent ? parseInput(file) : { symlink: link.text() })
  }
  const paths = [...files.keys()]
  const outer = paths.find((path) => paths.some((other) => other.startsWith(`${path}/`)))
  if (outer !== undefined) value.fail('files only, none of them in another', JSON.stringify(outer))
  return files
}

function parseCopyOut(value: Value, cached: boolean): CopyOut {
  const text = value.text()
  const optional = text.endsWith('?')
  return { path: parsePath(optional ? text.slice(0, -1) : text, value), optional, cached }
}

/** Below the working directory; plain names only, so that none leads out of it. */
function parsePath(text: string, value: Value): string {
  const path = text.startsWith('/w/') ? text.slice(3) : text
  const isPlain =
    path.length <= 1024 && !path.includes('\0') && path.split('/').every((name) => !/^\.{0,2}$/.test(name))
  return isPlain
    ? path
    : value.fail('at a path below /w, without empty names, "." and ".."', JSON.stringify(text.slice(0, 80)))
}

function parsePipe(value: Value, commands: number): Pipe {
  const [from, to] = [value.object().member('in').object(), value.member('out').object()]
  const index = (end: Value) => end.member('index').integer(0, commands - 1)
  const proxy = value.member('proxy').flag()
  const name = value.member('name')
  if (to.member('fd').value !== 0) to.member('fd').fail('0: a command reads from that one')
  if (!proxy && !name.isAbsent && name.value !== '') name.fail('left out without proxy: nothing sees what passes')
  const max = Math.min(value.member('max').amount() ?? DEFAULT_COLLECTOR_BYTES, DEFAULT_COLLECTOR_BYTES)
  return {
    from: { index: index(from), fd: from.member('fd').integer(1, 2) as 1 | 2 },
    to: { index: index(to) },
    proxy,
    collector: name.isAbsent || name.value === '' ? undefined : { name: name.text(), max },
  }
}

/** Each end that is left open has one pipe, and each pipe an end that is left open. */
function connect(commands: readonly Command[], pipes: readonly Pipe[]): void {
  const used = new Set<string>()
  for (const [i, { from, to }] of pipes.entries()) {
    for (const [index, fd] of [
      [from.index, from.fd],
      [to.index, 0],
    ] as const) {
      const place = `cmd[${index}].files[${fd}]`
      if (used.has(place))
        throw new RequestError(`Expected one pipe at ${place}, received a second in pipeMapping[${i}].`)
      if (commands[index]?.descriptors[fd] !== 'pipe') {
        throw new RequestError(`Expected ${place} to be null, since pipeMapping[${i}] fills it.`)
      }
      used.add(place)
    }
  }
  for (const [index, { descriptors }] of commands.entries()) {
    const open = descriptors.findIndex((one, fd) => one === 'pipe' && !used.has(`cmd[${index}].files[${fd}]`))
    if (open >= 0) throw new RequestError(`Expected a pipeMapping for cmd[${index}].files[${open}], which is null.`)
  }
}
