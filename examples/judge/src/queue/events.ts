// A submission's life as a list of events, which is all that is kept of it: a client that comes late, or comes back, reads
// the list from where it was; what a submission's state is follows from it. Both queues, in this process and on Redis, are
// such lists.
import type { Judgement, Progress, Submission } from '../engine/judge.js'
import type { TestResult } from '../engine/test-run.js'

export type SubmissionEvent =
  | { type: 'queued'; problem: string; language: string; at: string }
  | { type: 'compiling' }
  | { type: 'running'; of: number }
  | { type: 'tested'; result: TestResult }
  | { type: 'done'; judgement: Judgement; at: string }

/** What GET /submissions/:id answers. */
export interface SubmissionStatus {
  id: string
  problem: string
  language: string
  state: 'queued' | 'compiling' | 'running' | 'done'
  submittedAt: string
  /** How many tests there are, once they run. */
  testCount: number | undefined
  tests: TestResult[]
  finishedAt: string | undefined
  judgement: Judgement | undefined
}

/** No more submissions are taken just now. */
export class QueueFullError extends Error {}

/** The queue cannot be reached. */
export class QueueLostError extends Error {}

/** Where submissions wait, are judged, and are remembered. */
export interface SubmissionQueue {
  /** @throws QueueFullError, and SubmissionError when it cannot be judged */
  submit(submission: Submission): Promise<string>
  /** Everything so far; `undefined` when there is no such submission, or it has been forgotten. */
  events(id: string): Promise<readonly SubmissionEvent[] | undefined>
  /** Calls `onChange` whenever there may be more events. Returns what ends that. */
  watch(id: string, onChange: () => void): Promise<() => void>
  close(): Promise<void>
}

/** What the engine says, as an event. */
export function eventOf(progress: Progress): SubmissionEvent {
  switch (progress.step) {
    case 'compiling':
      return { type: 'compiling' }
    case 'running':
      return { type: 'running', of: progress.of }
    case 'tested':
      return { type: 'tested', result: progress.result }
  }
}

export function statusOf(id: string, events: readonly SubmissionEvent[]): SubmissionStatus {
  const status: SubmissionStatus = {
    id,
    problem: '',
    language: '',
    state: 'queued',
    submittedAt: '',
    testCount: undefined,
    tests: [],
    finishedAt: undefined,
    judgement: undefined,
  }
  for (const event of events) apply(status, event)
  return status
}

function apply(status: SubmissionStatus, event: SubmissionEvent): void {
  switch (event.type) {
    case 'queued':
      status.problem = event.problem
      status.language = event.language
      status.submittedAt = event.at
      return
    case 'compiling':
      status.state = 'compiling'
      return
    case 'running':
      status.state = 'running'
      status.testCount = event.of
      return
    case 'tested':
      status.tests.push(event.result)
      return
    case 'done':
      status.state = 'done'
      status.judgement = event.judgement
      status.tests = event.judgement.tests
      status.finishedAt = event.at
  }
}
