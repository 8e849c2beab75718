// go-judge's HTTP API, so that judges which speak it can be pointed here: POST /run, /file, /version, /config, and /ws.
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type PQueue from 'p-queue'
import { QueueFullError } from '../queue/events.js'
import { RequestError } from './model.js'
import { parseRequest } from './parse.js'
import { CEILINGS, type Ceilings } from './recipe.js'
import type { Result } from './result.js'
import { run, type Workshop } from './run.js'
import { socketRoute } from './socket.js'
import { Sources } from './sources.js'
import { FileStore } from './store.js'

const RUN_BODY_LIMIT = 32 * 2 ** 20

export interface CompatOptions {
  /** How many requests may wait. */
  queueLimit: number
  ceilings: Ceilings
  /** The file store's, and so of one file of POST /file. */
  storeBytes: number
  storeFiles: number
  /** Directories of the host below which `src` may name files; none unless given. */
  hostPrefixes: readonly string[]
}

const DEFAULTS: CompatOptions = {
  queueLimit: 256,
  ceilings: CEILINGS,
  storeBytes: 256 * 2 ** 20,
  storeFiles: 4096,
  hostPrefixes: [],
}

/** Parses, waits for its turn, runs. */
export type Execute = (json: unknown, signal: AbortSignal) => Promise<Result[]>

interface Id {
  Params: { id: string }
}

export async function compatRoutes(
  app: FastifyInstance,
  machine: PQueue,
  given: Partial<CompatOptions> = {},
): Promise<void> {
  const options = { ...DEFAULTS, ...given }
  const store = new FileStore(options.storeBytes, options.storeFiles)
  const workshop: Workshop = { store, sources: new Sources(store, options.hostPrefixes), ceilings: options.ceilings }
  const execute: Execute = async (json, signal) => {
    const request = parseRequest(json)
    if (machine.size >= options.queueLimit) throw new QueueFullError(`${machine.size} requests wait already.`)
    return machine.add(() => run(request, workshop, signal), { signal })
  }

  app.post('/run', { bodyLimit: RUN_BODY_LIMIT }, async (request, reply) => {
    try {
      return await execute(request.body, goneSignal(reply))
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      return reply.code(400).send({ error: error.message })
    }
  })
  socketRoute(app, execute)
  app.get('/version', () => ({
    buildVersion: 'cofferdam-judge',
    nodeVersion: process.version,
    ...platform(),
    ...features(),
  }))
  app.get('/config', () => ({ ...features(), runnerConfig: options.ceilings }))
  await app.register(async (files) => fileRoutes(files, store, options.storeBytes))
}

async function fileRoutes(app: FastifyInstance, store: FileStore, maxBytes: number): Promise<void> {
  await app.register(multipart, { limits: { fileSize: maxBytes, files: 1, fields: 8, parts: 16 } })

  app.get('/file', () => store.list())

  app.post('/file', { bodyLimit: maxBytes }, async (request, reply) => {
    const part = request.isMultipart() ? await request.file() : undefined
    if (part?.fieldname !== 'file') {
      return reply.code(400).send({ error: 'Expected multipart/form-data with a part "file".' })
    }
    const id = store.add(part.filename, await part.toBuffer())
    return reply.type('application/json').send(JSON.stringify(id))
  })

  app.get<Id>('/file/:id', ({ params: { id } }, reply) => {
    const file = store.get(id)
    if (!file) return noFile(reply)
    const name = encodeURIComponent(file.name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
    return reply
      .type('application/octet-stream')
      .header('Content-Disposition', `attachment; filename*=UTF-8''${name}`)
      .header('X-Content-Type-Options', 'nosniff')
      .send(file.content)
  })

  app.delete<Id>('/file/:id', ({ params: { id } }, reply) =>
    store.remove(id) ? reply.code(200).send() : noFile(reply),
  )
}

function noFile(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ error: 'There is no file with this id.' })
}

/** Fires when the client goes away before it has its answer. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('The client has gone away.'))
  })
  return gone.signal
}

function platform() {
  return { platform: process.arch, os: process.platform }
}

function features() {
  return {
    copyOutOptional: true,
    copyOutTruncate: true,
    pipeProxy: true,
    procPeak: true,
    symlink: true,
    addressSpaceLimit: false,
    stream: false,
  }
}
