// GET /ws: the same requests over a web socket, many at once and told apart by their requestId. A message is a request, or
// { cancelRequestId }. Each request has one answer, { requestId, results } or { requestId, error }; a message that cannot
// be read has one, too, and the connection goes on. When the client goes away, what it has asked for is given up.
import type { WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Execute } from './routes.js'

/** A client that does not read its answers is hung up on, before they fill this process. */
const MAX_UNREAD_BYTES = 64 * 2 ** 20
const TRY_AGAIN_LATER = 1013
const PING_MS = 30_000

export function socketRoute(app: FastifyInstance, execute: Execute): void {
  app.get('/ws', { websocket: true, preValidation: refuseOtherPages }, (socket) => {
    const running = new Map<string, AbortController>()
    socket.on('message', (data) => receive(socket, String(data), running, execute))
    const ping = setInterval(() => socket.ping(), PING_MS)
    socket.on('error', () => socket.terminate())
    socket.once('close', () => {
      clearInterval(ping)
      for (const stop of running.values()) stop.abort(new Error('The client has gone away.'))
    })
  })
}

/** Browsers let any page open a web socket to anywhere, and say whose page it is. Programs say nothing. */
async function refuseOtherPages({ headers }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { origin, host } = headers
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return undefined
  return reply.code(403).send({ error: 'Expected no Origin, or that of this judge.' })
}

async function receive(
  socket: WebSocket,
  text: string,
  running: Map<string, AbortController>,
  execute: Execute,
): Promise<void> {
  let message: { requestId?: unknown; cancelRequestId?: unknown }
  try {
    message = JSON.parse(text) ?? {}
  } catch (error) {
    return answer(socket, { requestId: '', error: `Expected JSON. ${(error as Error).message}` })
  }
  const { requestId, cancelRequestId } = message
  if (typeof cancelRequestId === 'string' && cancelRequestId !== '') {
    running.get(cancelRequestId)?.abort(new Error('The request has been cancelled.'))
    return
  }
  if (typeof requestId !== 'string' || requestId === '' || running.has(requestId)) {
    const error = 'Expected requestId to be a text that no other request which runs on this connection has.'
    return answer(socket, { requestId: typeof requestId === 'string' ? requestId : '', error })
  }
  const stop = new AbortController()
  running.set(requestId, stop)
  try {
    const results = await execute(message, stop.signal)
    answer(socket, { requestId, results })
  } catch (error) {
    answer(socket, { requestId, error: (error as Error).message })
  } finally {
    running.delete(requestId)
  }
}

function answer(socket: WebSocket, message: object): void {
  if (socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.close(TRY_AGAIN_LATER, 'Answers are not read.')
  else socket.send(JSON.stringify(message))
}
