// The judge's own API: problems, languages, submissions, and a submission's progress as server-sent events.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Judge, Submission } from '../engine/judge.js'
import { type SubmissionQueue, statusOf } from '../queue/events.js'

const HEARTBEAT_MS = 15_000

const BODY = {
  type: 'object',
  required: ['problem', 'language', 'source'],
  additionalProperties: false,
  properties: {
    problem: { type: 'string' },
    language: { type: 'string' },
    source: { type: 'string' },
    tests: { enum: ['first', 'all'], default: 'first' },
  },
}

interface Id {
  Params: { id: string }
}

export function submissionRoutes(app: FastifyInstance, judge: Judge, queue: SubmissionQueue): void {
  app.get('/languages', () => [...judge.languages.values()].map(({ id, title, source }) => ({ id, title, source })))

  app.get('/problems', () => [...judge.problems.values()].map(({ id, title, limits }) => ({ id, title, limits })))

  app.get<Id>('/problems/:id', (request, reply) => {
    const problem = judge.problems.get(request.params.id)
    if (!problem) return notFound(reply, `There is no problem "${request.params.id.slice(0, 80)}".`)
    const { id, title, limits, statement, checker, tests } = problem
    return { id, title, limits, statement, checker: checker.type, testCount: tests.length }
  })

  app.post<{ Body: Submission }>('/submissions', { schema: { body: BODY } }, async ({ body }, reply) => {
    const id = await queue.submit(body)
    return reply.code(202).header('Location', `/submissions/${id}`).send({ id })
  })

  app.get<Id>('/submissions/:id', async ({ params: { id } }, reply) => {
    const events = await queue.events(id)
    return events ? statusOf(id, events) : notFound(reply, 'There is no such submission, or it has been forgotten.')
  })

  app.get<Id>('/submissions/:id/events', (request, reply) => sendEvents(queue, request, reply))
}

/**
 * Every event of the submission's life, from the one after the header Last-Event-ID on, and then as they come. Ends after
 * the last, or when the client goes away, which does nothing to the submission.
 */
async function sendEvents(
  queue: SubmissionQueue,
  request: FastifyRequest<Id>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { id } = request.params
  if (!(await queue.events(id))) return notFound(reply, 'There is no such submission, or it has been forgotten.')
  const last = Number(request.headers['last-event-id'] ?? -1)
  let next = Number.isSafeInteger(last) && last >= 0 ? last + 1 : 0

  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
  raw.flushHeaders()

  // One at a time: a change that comes while the events are being fetched is looked at afterwards.
  let turn = Promise.resolve()
  const send = () => {
    turn = turn.then(async () => {
      const events = (await queue.events(id)) ?? []
      for (const event of events.slice(next)) {
        raw.write(`id: ${next}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
        next += 1
      }
      if (events.length === 0 || events.at(-1)?.type === 'done') raw.end()
    })
    turn.catch((error: unknown) => raw.destroy(error as Error))
  }
  const unwatch = await queue.watch(id, send)
  // Looks for itself, too: the news of a change may have been lost with a connection to Redis.
  const heartbeat = setInterval(() => {
    raw.write(': still here\n\n')
    send()
  }, HEARTBEAT_MS)
  const stop = () => {
    clearInterval(heartbeat)
    unwatch()
  }
  if (raw.destroyed) stop()
  else raw.once('close', stop)
  send()
  return reply
}

function notFound(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(404).send({ error })
}
