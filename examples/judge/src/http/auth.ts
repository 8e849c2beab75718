// A bearer token for everything, when one is set. Compared in constant time: by digests, which have one length.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

export function requireToken(token: string): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const wanted = digest(token)
  return async (request, reply) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return undefined
    const error = 'Expected an Authorization header with the bearer token of this judge.'
    return reply.code(401).header('WWW-Authenticate', 'Bearer').send({ error })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
