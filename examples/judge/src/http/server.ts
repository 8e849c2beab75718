// The HTTP service: the judge's own API (submissions.ts) and go-judge's (../compat/routes.ts) on one port, with what holds
// for both: the token, the size of bodies, and errors as { error } with a status that says whose mistake it was.
import websocket from '@fastify/websocket'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type PQueue from 'p-queue'
import { type CompatOptions, compatRoutes } from '../compat/routes.js'
import { type Judge, SubmissionError } from '../engine/judge.js'
import { QueueFullError, QueueLostError, type SubmissionQueue } from '../queue/events.js'
import { requireToken } from './auth.js'
import { submissionRoutes } from './submissions.js'

/** JSON may need six bytes for one of a source's. */
const BODY_LIMIT = 2 * 2 ** 20

export interface ServerOptions {
  judge: Judge
  submissions: SubmissionQueue
  /** What this machine runs at once, for requests of go-judge's kind. */
  machine: PQueue
  /** Every request has to have it; `undefined` for none. */
  token?: string | undefined
  compat?: Partial<CompatOptions> | undefined
}

export async function buildServer({
  judge,
  submissions,
  machine,
  token,
  compat,
}: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    // Nothing is made to fit: 5 is no text, and a misspelt member no default.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  // What is not JSON is nothing that any route reads; multipart is added where it is.
  app.removeContentTypeParser('text/plain')
  if (token !== undefined) app.addHook('onRequest', requireToken(token))
  app.addHook('onResponse', hangUp)
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const { code, headers } = statusFor(error)
    return reply.code(code).headers(headers).send({ error: error.message })
  })
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `There is no ${request.method} of this path.` }),
  )
  await app.register(websocket, { options: { maxPayload: 32 * 2 ** 20 } })
  submissionRoutes(app, judge, submissions)
  await compatRoutes(app, machine, compat)
  return app
}

/** A request to upgrade has taken its connection away from the HTTP server: if it is not upgraded, nobody else closes it. */
async function hangUp(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const isSocket = request.routeOptions.url === '/ws' && reply.statusCode < 400
  if (request.headers.upgrade !== undefined && !isSocket) request.raw.socket.destroySoon()
}

function statusFor(error: FastifyError): { code: number; headers: Record<string, string> } {
  if (error instanceof QueueFullError) return { code: 429, headers: { 'Retry-After': '1' } }
  if (error instanceof QueueLostError) return { code: 503, headers: { 'Retry-After': '5' } }
  if (error instanceof SubmissionError) return { code: 400, headers: {} }
  return { code: error.statusCode ?? 500, headers: {} }
}
