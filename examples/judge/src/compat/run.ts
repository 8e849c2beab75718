// Carrying out a request of go-judge's API: each command in a box of its own, all of them at once, connected as the request
// says. When a command and all that it started has ended, the files that are asked for are taken from its box.
import type { Box, SandboxProcess } from 'cofferdam'
import { BoxDirectory, CollectError } from '../engine/collect.js'
import { type Collector, type Command, type Descriptor, RequestError, type RunRequest } from './model.js'
import { type Ceilings, type Prepared, prepare } from './recipe.js'
import { type FileError, internalError, type Result, resultOf } from './result.js'
import type { Sources } from './sources.js'
import { type FileStore, StoreFullError } from './store.js'
import { type Collected, collect, feed, pipe } from './streams.js'

/** Of all files that one request gets as its answer. */
const MAX_ANSWER_BYTES = 128 * 2 ** 20
const COPY_OUT_BYTES = 64 * 2 ** 20

export interface Workshop {
  store: FileStore
  sources: Sources
  ceilings: Ceilings
}

/** A command that runs. */
interface Running {
  command: Command
  prepared: Prepared
  box: Box
  process: SandboxProcess
  /** Ends this command alone. */
  stop: AbortController
  /** By their names, as they end. */
  collectors: Map<string, Promise<Collected>>
}

/**
 * @throws RequestError for a mistake in the request that is only found here, and the signal's reason when it fires. What
 *   cannot be run is a result
 */
export async function run(request: RunRequest, workshop: Workshop, signal: AbortSignal): Promise<Result[]> {
  const { commands } = request
  const prepared = await Promise.all(
    commands.map((command, i) => prepare(command, `cmd[${i}]`, workshop.sources, workshop.ceilings)),
  )
  const inputs = await Promise.all(commands.map(({ descriptors: [stdin] }) => inputOf(stdin, workshop.sources)))
  const opened = await Promise.allSettled(prepared.map(({ recipe }) => recipe.open({ signal })))
  const boxes = opened.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  try {
    signal.throwIfAborted()
    const refused = opened.find((one) => one.status === 'rejected')
    if (refused) return commands.map(() => internalError(refused.reason))

    const started = await startAll(commands, prepared, boxes, signal)
    if ('failed' in started) return started.failed
    for (const [i, { process }] of started.running.entries()) {
      const input = inputs[i]
      if (input && process.stdin) feed(process.stdin, input)
    }
    connect(request, started.running)
    const results = await Promise.all(started.running.map((one) => finish(one, workshop)))
    signal.throwIfAborted()
    return withinAnswer(results)
  } finally {
    await Promise.all(boxes.map((box) => box.close()))
  }
}

function inputOf(stdin: Descriptor, sources: Sources): Promise<Buffer> | undefined {
  return typeof stdin === 'object' && 'input' in stdin ? sources.read(stdin.input) : undefined
}

async function startAll(
  commands: readonly Command[],
  prepared: readonly Prepared[],
  boxes: readonly Box[],
  signal: AbortSignal,
): Promise<{ running: Running[] } | { failed: Result[] }> {
  const started = await Promise.allSettled(
    commands.map(async (command, i): Promise<Running> => {
      const [box, one] = [boxes[i], prepared[i]]
      if (!box || !one) throw new Error('Each command has a box.')
      const stop = new AbortController()
      const [stdin, stdout, stderr] = command.descriptors.map((what) => (what === 'none' ? 'ignore' : 'pipe'))
      const options = { stdin, stdout, stderr, signal: AbortSignal.any([signal, stop.signal]) }
      const process = await box.spawn(one.file, one.args, options)
      return { command, prepared: one, box, process, stop, collectors: new Map() }
    }),
  )
  signal.throwIfAborted()
  const running = started.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  if (running.length === started.length) return { running }
  for (const { stop } of running) stop.abort()
  const other = new Error('Another command of the request could not be started.')
  return { failed: started.map((one) => internalError(one.status === 'rejected' ? one.reason : other)) }
}

function connect({ pipes }: RunRequest, running: readonly Running[]): void {
  for (const one of running) {
    for (const fd of [1, 2] as const) {
      const descriptor = one.command.descriptors[fd]
      if (typeof descriptor === 'object' && 'collector' in descriptor) listen(one, fd, descriptor.collector, true)
    }
  }
  for (const { from, to, proxy, collector } of pipes) {
    const [writer, reader] = [running[from.index], running[to.index]]
    const [output, input] = [writer && outputOf(writer, from.fd), reader?.process.stdin]
    if (!writer || !output || !input) throw new Error('Both ends of a pipe are pipes.')
    if (collector) listen(writer, from.fd, collector, false)
    pipe(output, input, proxy)
  }
}

/** A collector of a descriptor ends the command that says too much; one of a pipe only stops collecting. */
function listen(one: Running, fd: 1 | 2, collector: Collector, ends: boolean): void {
  const output = outputOf(one, fd)
  if (!output) throw new Error('What is collected is a pipe.')
  const collected = collect(output, collector, () => {
    if (ends) one.stop.abort()
  })
  one.collectors.set(collector.name, ends ? collected : collected.then((all) => ({ ...all, exceeded: false })))
}

function outputOf({ process }: Running, fd: 1 | 2) {
  return fd === 1 ? process.stdout : process.stderr
}

/** Never rejects: what cannot be found out is an internal error. */
async function finish(one: Running, workshop: Workshop): Promise<Result> {
  try {
    const ended = await one.process.wait()
    await one.box.onIdle()
    return await withFiles(one, resultOf(ended, one.prepared.cpuTimeMs), workshop)
  } catch (error) {
    return internalError(error)
  }
}

async function withFiles(one: Running, result: Result, { store }: Workshop): Promise<Result> {
  const files = new Map<string, Buffer>()
  const errors: FileError[] = []
  for (const [name, collecting] of one.collectors) {
    const { content, exceeded } = await collecting
    files.set(name, content)
    if (!exceeded) continue
    errors.push({ name, type: 'CollectSizeExceeded' })
    if (result.status !== 'Time Limit Exceeded' && result.status !== 'Memory Limit Exceeded') {
      result.status = 'Output Limit Exceeded'
    }
  }
  const cached = await copyOut(one, files, errors)
  for (const name of cached) keep(store, name, files, result, errors)
  if (errors.length > 0) result.fileError = errors
  if (errors.length > 0 && result.status === 'Accepted') result.status = 'File Error'
  result.files = Object.fromEntries([...files].map(([name, content]) => [name, content.toString('utf8')]))
  return result
}

/** Adds to the files and errors; returns the names of those that are to stay here. */
async function copyOut(
  { command, box }: Running,
  files: Map<string, Buffer>,
  errors: FileError[],
): Promise<Set<string>> {
  const max = Math.min(command.copyOutMaxBytes ?? COPY_OUT_BYTES, COPY_OUT_BYTES)
  const cached = new Set(command.copyOut.filter((one) => one.cached).map(({ path }) => path))
  const wanted = command.copyOut.filter(({ path }) => !files.has(path))
  if (wanted.length === 0) return cached
  const work = await BoxDirectory.open(box, '/w')
  try {
    for (const { path, optional } of wanted) {
      if (files.has(path)) continue
      try {
        files.set(path, await work.read(path, max, command.copyOutTruncate))
      } catch (error) {
        if (!(error instanceof CollectError)) throw error
        if (optional && error.reason === 'CopyOutOpen') continue
        errors.push({ name: path, type: error.reason, message: error.message })
      }
    }
  } finally {
    await work.close()
  }
  return cached
}

function keep(store: FileStore, name: string, files: Map<string, Buffer>, result: Result, errors: FileError[]): void {
  const content = files.get(name)
  if (!content) return
  files.delete(name)
  try {
    result.fileIds = { ...result.fileIds, [name]: store.add(name, content) }
  } catch (error) {
    if (!(error instanceof StoreFullError)) throw error
    errors.push({ name, type: 'CopyOutSizeExceeded', message: error.message })
  }
}

function withinAnswer(results: Result[]): Result[] {
  const lengths = results.flatMap(({ files }) => Object.values(files ?? {}).map((text) => text.length))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total <= MAX_ANSWER_BYTES) return results
  throw new RequestError(`The answer would have ${total} bytes, and may have ${MAX_ANSWER_BYTES}: use copyOutCached.`)
}
